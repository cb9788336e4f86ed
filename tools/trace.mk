# SPDX-License-Identifier: BSD-2-Clause
# make trace-boot: data and pictures of traces for the report (docs/trace.md). Included by the Makefile.

.PHONY: trace-boot
trace-boot: all guests
	@tools/trace-boot
