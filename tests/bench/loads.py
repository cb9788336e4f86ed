# SPDX-License-Identifier: BSD-2-Clause
"""The loads of the benchmark report's part on the installed Debian: what to run, and what is said."""

import collections
import json
import pathlib
import re
import statistics

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOST = "10.0.2.2"  # this computer, as guests see it
PEER = "10.9.0.2"  # the other one of two VMs
SECONDS = 4  # of a load that runs for a time
MIB = 1 << 20

# What the guest says of a load: (its throughput, how many operations it did)


def fio_requests(said):
    done = fio_side(said)
    return done["iops"], done["total_ios"]


def fio_mib(said):
    done = fio_side(said)
    return done["bw_bytes"] / MIB, done["io_bytes"] / MIB


def fio_side(said):
    job = json.loads(said[said.index("{"):])["jobs"][0]
    return max(job["read"], job["write"], key=lambda side: side["total_ios"])


def iperf(said):
    done = json.loads(said[said.index("{"):])["end"]["sum_received"]
    return done["bits_per_second"] / 1e6, done["bytes"] / MIB


def transactions(said):
    """Of rr.c."""
    count, us = map(int, re.search(r"^rr (\d+) (\d+)$", said, re.M).groups())
    return count * 1e6 / us, count


def netperf(said):
    rate = float(said.split()[0])
    return rate, rate * SECONDS


def timed(count):
    """Of what is done so often, and prints `Time: SECONDS`."""
    return lambda said: (count / float(re.search(r"Time: (\S+)", said).group(1)), count)


def redis(said):
    """Requests in a second, of as many SETs as GETs."""
    rates = [float(rate) for rate in re.findall(r'^"[SG]ET","([\d.]+)"', said, re.M)]
    return statistics.harmonic_mean(rates), 2 * REDIS_REQUESTS


def pgbench(said):
    return (float(re.search(r"^tps = (\S+)", said, re.M).group(1)),
            int(re.search(r"actually processed: (\d+)", said).group(1)))


# The loads. Commands are those of a shell in the guest.

GROUPS = 4  # of hackbench; in each 20 processes send to 20
LOOPS = 20
REDIS_REQUESTS = 20000
FILES = 50  # of the program that is built

FIO = "fio --name=load --filename=/root/fio --size=256M --direct=1 --ioengine=libaio --rw=%s --bs=%s " \
    "--iodepth=%d --time_based --runtime={seconds} --output-format=json"
FIO_FILE = "dd if=/dev/zero of=/root/fio bs=1M count=256 conv=fsync status=none"
IPERF = "iperf3 -J -t {seconds} -c "
IPERF_HOST = IPERF + HOST + " -p {iperf_port}"
RR = "cat > rr.c <<'E'\n%s\nE\ngcc -O2 -o rr rr.c" % (ROOT / "tests/bench/linux/rr.c").read_text()
POSTGRES = "systemctl start postgresql && cd / && runuser -u postgres createdb bench && " \
    "runuser -u postgres -- pgbench -q -i -I dtGp bench"
SOURCES = r"""mkdir build && cd build
cat > part <<'E'
#include <stdio.h>

static int digest(const char *text, int n)
{
	char copy[80];
	int i, sum = n;

	snprintf(copy, sizeof(copy), "%s %d", text, n);
	for (i = 0; copy[i]; i++) {
		switch (copy[i] & 7) {
		case 0: sum += copy[i] * n; break;
		case 1: sum ^= sum << 3; break;
		case 2: sum -= copy[i] << 2; break;
		default: sum = sum * 33 + copy[i];
		}
	}
	return sum;
}

int partNUMBER(int n)
{
	return digest("first NUMBER", n) + digest("second NUMBER", n + 1);
}
E
for n in $(seq PARTS); do sed s/NUMBER/$n/ part > part$n.c; done
{
	seq -f 'int part%g(int n);' PARTS
	echo 'int main(void) { int sum = 0;'
	seq -f 'sum += part%g(sum);' PARTS
	echo 'return sum == 0; }'
} > main.c
echo 'CFLAGS := -O2' > Makefile
printf 'program: $(patsubst %%.c,%%.o,$(wildcard *.c))\n\t$(CC) -o $@ $^\n' >> Makefile
""".replace("PARTS", str(FILES - 1))

BUILD = """rm -f build/*.o build/program; sync; start=$(date +%s%N)
make -s -j2 -C build && end=$(date +%s%N) && build/program && echo "Time: $(((end - start) / 1000000))e-3\""""

Load = collections.namedtuple("Load", "name title unit operation read command prepare target published",
                              defaults=("", None, None))

# Ratios of throughput, native = 1. Target: at least as good as KVM on Arm hardware, where that is
# published; 0.9 for streams and builds; 0.7 for transactions.
LOADS = {
    "disk": [
        Load("random-read", "fio 4 KiB random read", "IOPS", "request", fio_requests,
             FIO % ("randread", "4k", 8), FIO_FILE),
        Load("random-write", "fio 4 KiB random write", "IOPS", "request", fio_requests,
             FIO % ("randwrite", "4k", 8), FIO_FILE),
        Load("read", "fio 1 MiB sequential read", "MiB/s", "MiB", fio_mib,
             FIO % ("read", "1M", 4), FIO_FILE, 0.9),
        Load("write", "fio 1 MiB sequential write", "MiB/s", "MiB", fio_mib,
             FIO % ("write", "1M", 4), FIO_FILE, 0.9),
    ],
    "net": [
        Load("stream", "TCP_STREAM to the host", "Mbit/s", "MiB", iperf, IPERF_HOST, "", 0.95, 0.95),
        Load("maerts", "TCP_MAERTS from the host", "Mbit/s", "MiB", iperf, IPERF_HOST + " -R", "", 1.0, 1.0),
        Load("rr", "TCP_RR with the host", "1/s", "transaction", transactions,
             "./rr " + HOST + " {rr_port} {seconds}", RR, 0.7, 0.48),
    ],
    "vms": [
        Load("vms-stream", "TCP_STREAM between VMs", "Mbit/s", "MiB", iperf, IPERF + PEER, "", 0.9),
        Load("vms-maerts", "TCP_MAERTS between VMs", "Mbit/s", "MiB", iperf, IPERF + PEER + " -R", "", 0.9),
        Load("vms-rr", "TCP_RR between VMs", "1/s", "transaction", netperf,
             "netperf -P 0 -v 0 -t TCP_RR -l {seconds} -H " + PEER, "", 0.7),
    ],
    "cpu": [
        Load("hackbench", "hackbench", "1/s", "message", timed(GROUPS * 400 * LOOPS),
             "hackbench -g %d -l %d" % (GROUPS, LOOPS), "", 0.9, 0.9),
        Load("build", "make -j2 of %d files" % FILES, "files/s", "file", timed(FILES), BUILD, SOURCES,
             0.97, 0.97),
        Load("redis", "Redis, SET and GET", "1/s", "request", redis,
             "redis-benchmark --csv -t set,get -c 20 -n %d" % REDIS_REQUESTS,
             "redis-server --save '' --daemonize yes", 0.79, 0.79),
        Load("postgresql", "PostgreSQL, pgbench", "1/s", "transaction", pgbench,
             "cd / && runuser -u postgres -- pgbench -n -N -c 4 -j 2 -T {seconds} bench", POSTGRES, 0.87, 0.87),
    ],
}


def names():
    """Of all groups and loads."""
    return [name for group, those in LOADS.items() for name in (group, *(load.name for load in those))]


def chosen(words, between_vms=False):
    """The loads with these names, and those of groups with these names; all, without any."""
    return [load for group, those in LOADS.items() if (group == "vms") == between_vms
            for load in those if not words or group in words or load.name in words]
