/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMs that the user described, whether or not they were created. */
#include "vm/catalog.h"
#include "lib/format.h"
#include "lib/string.h"

static struct fdt tree;

#define FAIL(...)                                            \
	do {                                                 \
		snprintf(error, VM_ERROR_SIZE, __VA_ARGS__); \
		return error;                                \
	} while (0)

void catalog_open(const struct fdt *fdt)
{
	tree = *fdt;
}

static bool is_vm(int node)
{
	return strcmp(fdt_node_name(&tree, node), IMAGES_NODE) != 0;
}

const char *catalog_next(int *at)
{
	do {
		*at = *at == FDT_NONE ? fdt_first_child(&tree, fdt_root(&tree))
				      : fdt_next_sibling(&tree, *at);
	} while (*at != FDT_NONE && !is_vm(*at));
	return *at == FDT_NONE ? NULL : fdt_node_name(&tree, *at);
}

const char *catalog_read(const char *name, struct vm_description *d, char error[VM_ERROR_SIZE])
{
	int node = description_child(&tree, fdt_root(&tree), name);

	if (node == FDT_NONE || strcmp(name, IMAGES_NODE) == 0)
		FAIL("VM \"%.40s\" is not described; add it to the description of VMs", name);
	return description_read(&tree, node, d, error);
}

const char *catalog_script(void)
{
	return description_string(&tree, fdt_root(&tree), "script");
}

/* The first property that is none of two (or dtc's own); NULL: all are known. */
static const char *unknown_property(int node, const char *one, const char *other)
{
	struct fdt_property prop;

	fdt_for_each_property (&tree, prop, node) {
		if (strcmp(prop.name, one) != 0 && strcmp(prop.name, other) != 0 &&
		    strcmp(prop.name, "phandle") != 0)
			return prop.name;
	}
	return NULL;
}

/* A name that two children of the node have; NULL: none. */
static const char *repeated_child(int parent)
{
	int node;

	fdt_for_each_child (&tree, node, parent) {
		const char *name = fdt_node_name(&tree, node);

		if (description_child(&tree, parent, name) != node)
			return name;
	}
	return NULL;
}

static const char *check_root(char error[VM_ERROR_SIZE])
{
	int root = fdt_root(&tree);
	const char *unknown = unknown_property(root, "compatible", "script");
	const char *repeated = repeated_child(root), *script = catalog_script();

	if (!fdt_is_compatible(&tree, root, "doppel,vms"))
		FAIL("the root node's compatible must be \"doppel,vms\"");
	if (unknown)
		FAIL("the root node: unknown property %.40s; remove it", unknown);
	if (repeated)
		FAIL("VM %.40s: the name is given twice; give each VM its own", repeated);
	if (fdt_has_property(&tree, root, "script") && (!script || strlen(script) > SCRIPT_MAX))
		FAIL("the root node: script must be one string of at most %lu bytes", SCRIPT_MAX);
	return NULL;
}

static const char *check_image(int node, char error[VM_ERROR_SIZE])
{
	const char *name = fdt_node_name(&tree, node);
	const char *unknown = unknown_property(node, "data", "data");
	struct fdt_property data;

	if (!is_vm_name(name))
		FAIL("image \"%.40s\": the name of an image is 1 to %d of a-z, 0-9 and -, "
		     "the first not -",
		     name, VM_NAME_SIZE - 1);
	if (unknown)
		FAIL("image %s: unknown property %.40s; remove it", name, unknown);
	if (fdt_first_child(&tree, node) != FDT_NONE)
		FAIL("image %s: it has a node; remove it", name);
	if (!fdt_property(&tree, node, "data", &data) || !data.len)
		FAIL("image %s: data is missing; give it as /incbin/(\"FILE\")", name);
	return NULL;
}

static const char *check_images(char error[VM_ERROR_SIZE])
{
	int images = description_child(&tree, fdt_root(&tree), IMAGES_NODE), node;
	const char *unknown = unknown_property(images, "phandle", "phandle");
	const char *repeated = repeated_child(images);

	if (unknown)
		FAIL("the node images: unknown property %.40s; remove it", unknown);
	if (repeated)
		FAIL("image %.40s: the name is given twice; give each image its own", repeated);
	fdt_for_each_child (&tree, node, images) {
		const char *problem = check_image(node, error);

		if (problem)
			return problem;
	}
	return NULL;
}

const char *catalog_check(char error[VM_ERROR_SIZE])
{
	const char *problem = check_root(error);
	struct vm_description d;
	int at = FDT_NONE;

	if (!problem)
		problem = check_images(error);
	while (!problem && catalog_next(&at))
		problem = description_read(&tree, at, &d, error);
	return problem;
}
