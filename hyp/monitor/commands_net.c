/* SPDX-License-Identifier: BSD-2-Clause */
/* The networks inside the machine: switches, what is connected to them, what they have learnt. */
#include "lib/string.h"
#include "monitor/commands.h"
#include "net/mac_table.h"
#include "net/switch.h"

#define UPLINK	  "(uplink)" /* no VM is called so */
#define MAC_SIZE  18	     /* as text, terminated */
#define IPV4_SIZE 16

static const char *mac_text(u64 key, char text[MAC_SIZE])
{
	for (unsigned i = 0; i < 6; i++)
		snprintf(text + 3 * i, (size_t)(MAC_SIZE - 3 * i),
			 "%02x:", (u8)(key >> (40 - 8 * i)));
	return text;
}

static const char *ipv4_text(u32 address, char text[IPV4_SIZE])
{
	snprintf(text, IPV4_SIZE, "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff,
		 address >> 8 & 0xff, address & 0xff);
	return text;
}

/* --- In words */

static const char *name_of(const struct switch_port_info *port)
{
	return port->is_uplink ? UPLINK : port->name;
}

static int name_width(struct net_switch *net)
{
	struct switch_port_info port;
	size_t width = strlen("PORT");
	u32 next = 0;

	while (switch_next_port(net, &next, &port))
		width = MAX(width, strlen(name_of(&port)));
	return (int)width;
}

static void print_outside(struct net_switch *net)
{
	char mac[MAC_SIZE];
	unsigned next = 0;
	bool any = false;
	u64 key;

	for (; switch_next_outside(net, &next, &key); any = true)
		command_print("%s%s", any ? " " : "  learnt  ", mac_text(key, mac));
	if (any)
		command_print("\n");
}

static void print_switch(struct net_switch *net)
{
	struct switch_port_info port;
	int width = name_width(net);
	char mac[MAC_SIZE], ipv4[IPV4_SIZE];
	u32 next = 0;

	command_print("switch %s\n  %-*s  %-17s  %-15s  STATE  %10s %10s %10s\n", switch_name(net),
		      width, "PORT", "ADDRESS", "IPV4", "SENT", "RECEIVED", "DROPPED");
	while (switch_next_port(net, &next, &port))
		command_print("  %-*s  %-17s  %-15s  %-5s  %10lu %10lu %10lu\n", width,
			      name_of(&port), mac_text(mac_key(port.mac), mac),
			      port.address ? ipv4_text(port.address, ipv4) : "-",
			      port.is_up ? "up" : "down", port.sent, port.received, port.dropped);
	print_outside(net);
}

/* --- As JSON */

static void json_port(struct json *json, const struct switch_port_info *port)
{
	char mac[MAC_SIZE], ipv4[IPV4_SIZE];

	json_begin_object(json, NULL);
	json_string(json, "vm", port->is_uplink ? NULL : port->name);
	json_string(json, "mac", mac_text(mac_key(port->mac), mac));
	json_string(json, "address", port->address ? ipv4_text(port->address, ipv4) : NULL);
	json_bool(json, "up", port->is_up);
	json_number(json, "frames_sent", port->sent);
	json_number(json, "bytes_sent", port->bytes_sent);
	json_number(json, "frames_received", port->received);
	json_number(json, "bytes_received", port->bytes_received);
	json_number(json, "dropped", port->dropped);
	json_end_object(json);
}

static void json_switch(struct json *json, struct net_switch *net)
{
	struct switch_port_info port;
	char mac[MAC_SIZE];
	unsigned next = 0;
	u32 next_port = 0;
	u64 key;

	json_begin_object(json, NULL);
	json_string(json, "name", switch_name(net));
	json_begin_array(json, "ports");
	while (switch_next_port(net, &next_port, &port))
		json_port(json, &port);
	json_end_array(json);
	json_begin_array(json, "learnt");
	while (switch_next_outside(net, &next, &key))
		json_string(json, NULL, mac_text(key, mac));
	json_end_array(json);
	json_end_object(json);
}

static void print_switches(void)
{
	struct net_switch *net = switch_next(NULL);

	if (!net)
		command_print("there are no switches: no VM has had a network interface\n");
	for (; net; net = switch_next(net))
		print_switch(net);
}

static void json_switches(void)
{
	struct json json = command_json();
	struct net_switch *net = NULL;

	json_begin_array(&json, NULL);
	while ((net = switch_next(net)) != NULL)
		json_switch(&json, net);
	json_end_array(&json);
	command_print("\n");
}

enum command_result command_switches(void)
{
	if (command_wants_json())
		json_switches();
	else
		print_switches();
	return COMMAND_DONE;
}
