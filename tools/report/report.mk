# SPDX-License-Identifier: BSD-2-Clause
# The HTML report (docs/report.md). Included by the Makefile.

# Goals that measure what the report shows, as far as this tree has them.
REPORT_GOALS := $(if $(wildcard tests/census/census.mk),census) \
	$(if $(wildcard compare/compare.mk),compare-x86) $(if $(wildcard tools/trace.mk),trace-boot)

.PHONY: report report-page
# All is measured anew: build/report/data/ holds nothing of another run.
report:
	@tools/need-python
	@./doppel setup packages report-packages qemu10
	@$(MAKE) --no-print-directory all
	@./doppel setup images
	@rm -rf $(BUILD)/report
	@for goal in $(REPORT_GOALS); do $(MAKE) --no-print-directory $$goal || exit; done
	@$(MAKE) --no-print-directory report-page

# The page alone, from the data that are there.
report-page:
	@./doppel setup report-packages
	@tools/mkreport --output $(BUILD)/report/index.html
