/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI Debug Console extension (SBI 2.0 chapter 12). */
#include "sbi/sbi.h"

/*
 * One call handles at most so much; the specification lets it do less than was asked for, and the
 * guest calls again. A guest cannot keep a hart in the hypervisor for long.
 */
#define CHUNK 256U

/* The address is two registers; nothing lives beyond 2^64. */
static bool get_buffer(const struct vcpu *vcpu, gpa_t *gpa, u64 *size)
{
	*size = vcpu->gpr[REG_A0];
	*gpa = GPA(vcpu->gpr[REG_A1]);
	return vcpu->gpr[REG_A2] == 0 && guest_memory_contains(vcpu->memory, *gpa, *size);
}

static exit_action_t write(struct vcpu *vcpu)
{
	u8 bytes[CHUNK];
	u64 size, count = 0;
	gpa_t gpa;

	if (!get_buffer(vcpu, &gpa, &size))
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	size = MIN(size, CHUNK);
	if (!guest_read(vcpu->memory, gpa, bytes,
			size)) /* the guest gave it back, and it is gone */
		return sbi_error(vcpu, SBI_ERR_FAILED);
	while (count < size && console_put(&vcpu->vm->console, bytes[count]))
		count++;
	return sbi_return(vcpu, SBI_SUCCESS, count);
}

static exit_action_t read(struct vcpu *vcpu)
{
	u8 bytes[CHUNK];
	u64 size, count = 0;
	gpa_t gpa;

	if (!get_buffer(vcpu, &gpa, &size))
		return sbi_error(vcpu, SBI_ERR_INVALID_PARAM);
	size = MIN(size, CHUNK);
	/* Before anything is taken that then could not be given. */
	if (!guest_bring_back(vcpu->memory, gpa, size))
		return sbi_error(vcpu, SBI_ERR_FAILED);
	while (count < size && console_get(&vcpu->vm->console, &bytes[count]))
		count++;
	guest_write(vcpu->memory, gpa, bytes, count);
	return sbi_return(vcpu, SBI_SUCCESS, count);
}

exit_action_t sbi_dbcn(struct vcpu *vcpu, u64 function)
{
	switch (function) {
	case SBI_DBCN_WRITE: return write(vcpu);
	case SBI_DBCN_READ: return read(vcpu);
	case SBI_DBCN_WRITE_BYTE:
		/* It returns only when the byte is written: until then the guest calls again. */
		if (!console_put(&vcpu->vm->console, (u8)vcpu->gpr[REG_A0]))
			return EXIT_RESUME;
		return sbi_error(vcpu, SBI_SUCCESS);
	default: return sbi_error(vcpu, SBI_ERR_NOT_SUPPORTED);
	}
}
