#include "fiber/fiber_switch.h"

#include <stdint.h>
#include <string.h>

void fiber_context_start(void);

/* AAPCS64: x19 to x29 and the low halves of v8 to v15 belong to the caller of a function; x30 is
 * where to go on. */
__asm__(".text\n"
        ".globl fiber_context_switch\n"
        ".hidden fiber_context_switch\n"
        ".type fiber_context_switch, %function\n"
        ".p2align 4\n"
        "fiber_context_switch:\n"
        ".cfi_startproc\n"
        "	hint #34\n"
        "	sub sp, sp, #160\n"
        ".cfi_adjust_cfa_offset 160\n"
        "	stp x19, x20, [sp, #0]\n"
        ".cfi_rel_offset x19, 0\n"
        ".cfi_rel_offset x20, 8\n"
        "	stp x21, x22, [sp, #16]\n"
        ".cfi_rel_offset x21, 16\n"
        ".cfi_rel_offset x22, 24\n"
        "	stp x23, x24, [sp, #32]\n"
        ".cfi_rel_offset x23, 32\n"
        ".cfi_rel_offset x24, 40\n"
        "	stp x25, x26, [sp, #48]\n"
        ".cfi_rel_offset x25, 48\n"
        ".cfi_rel_offset x26, 56\n"
        "	stp x27, x28, [sp, #64]\n"
        ".cfi_rel_offset x27, 64\n"
        ".cfi_rel_offset x28, 72\n"
        "	stp x29, x30, [sp, #80]\n"
        ".cfi_rel_offset x29, 80\n"
        ".cfi_rel_offset x30, 88\n"
        "	stp d8, d9, [sp, #96]\n"
        "	stp d10, d11, [sp, #112]\n"
        "	stp d12, d13, [sp, #128]\n"
        "	stp d14, d15, [sp, #144]\n"
        "	mov x9, sp\n"
        "	str x9, [x0]\n"
        "	ldr x9, [x1]\n"
        "	mov sp, x9\n"
        "	ldp x19, x20, [sp, #0]\n"
        "	ldp x21, x22, [sp, #16]\n"
        "	ldp x23, x24, [sp, #32]\n"
        "	ldp x25, x26, [sp, #48]\n"
        "	ldp x27, x28, [sp, #64]\n"
        "	ldp x29, x30, [sp, #80]\n"
        "	ldp d8, d9, [sp, #96]\n"
        "	ldp d10, d11, [sp, #112]\n"
        "	ldp d12, d13, [sp, #128]\n"
        "	ldp d14, d15, [sp, #144]\n"
        "	add sp, sp, #160\n"
        ".cfi_adjust_cfa_offset -160\n"
        "	ret\n"
        ".cfi_endproc\n"
        ".size fiber_context_switch, . - fiber_context_switch\n"

        /* The lowest frame of every fiber: nothing called it, so that is where unwinding ends. */
        ".globl fiber_context_start\n"
        ".hidden fiber_context_start\n"
        ".type fiber_context_start, %function\n"
        ".p2align 4\n"
        "fiber_context_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined x30\n"
        "	hint #36\n"
        "	mov x0, x20\n"
        "	blr x19\n"
        "	brk #0\n"
        ".cfi_endproc\n"
        ".size fiber_context_start, . - fiber_context_start\n");

struct frame {
	uint64_t x19_to_x28[10];
	uint64_t x29;
	uint64_t x30;
	double d8_to_d15[8];
};

void fiber_context_make(struct fiber_context *context, void *stack, size_t stack_bytes,
                        void (*entry)(void *arg), void *arg)
{
	uintptr_t top = (uintptr_t)((char *)stack + stack_bytes) & ~(uintptr_t)15;
	struct frame *frame = (struct frame *)(top - sizeof(struct frame));
	memset(frame, 0, sizeof(*frame));
	frame->x19_to_x28[0] = (uint64_t)(uintptr_t)entry;
	frame->x19_to_x28[1] = (uint64_t)(uintptr_t)arg;
	frame->x30 = (uint64_t)(uintptr_t)fiber_context_start;
	context->stack_pointer = frame;
}
