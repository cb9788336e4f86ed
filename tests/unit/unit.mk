# SPDX-License-Identifier: BSD-2-Clause
# The unit tests: test_NAME.c, and the sources that it is linked with.
UNIT_fdt := hyp/lib/fdt.c
UNIT_fdt_writer := hyp/lib/fdt_writer.c hyp/lib/fdt.c
UNIT_vplic := hyp/vplic/vplic.c
UNIT_ns16550 := hyp/dev/ns16550.c
UNIT_goldfish_rtc := hyp/dev/goldfish_rtc.c
UNIT_syscon := hyp/dev/syscon.c
