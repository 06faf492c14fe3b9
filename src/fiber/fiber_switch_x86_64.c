#include "fiber/fiber_switch.h"

#include <stdint.h>

void fiber_context_start(void);

/* System V ABI for x86-64: rbx, rbp and r12 to r15 belong to the caller of a function. The
 * unwind information is right before, between and after the two moves of rsp, because both
 * stacks look the same there. The way back is a jump: a return would not go where the
 * processor's return predictor expects it. */
__asm__(".text\n"
        ".globl fiber_context_switch\n"
        ".hidden fiber_context_switch\n"
        ".type fiber_context_switch, @function\n"
        ".p2align 4\n"
        "fiber_context_switch:\n"
        ".cfi_startproc\n"
        "	endbr64\n"
        "	pushq %rbp\n"
        ".cfi_adjust_cfa_offset 8\n"
        ".cfi_rel_offset rbp, 0\n"
        "	pushq %rbx\n"
        ".cfi_adjust_cfa_offset 8\n"
        ".cfi_rel_offset rbx, 0\n"
        "	pushq %r12\n"
        ".cfi_adjust_cfa_offset 8\n"
        ".cfi_rel_offset r12, 0\n"
        "	pushq %r13\n"
        ".cfi_adjust_cfa_offset 8\n"
        ".cfi_rel_offset r13, 0\n"
        "	pushq %r14\n"
        ".cfi_adjust_cfa_offset 8\n"
        ".cfi_rel_offset r14, 0\n"
        "	pushq %r15\n"
        ".cfi_adjust_cfa_offset 8\n"
        ".cfi_rel_offset r15, 0\n"
        "	movq %rsp, (%rdi)\n"
        "	movq (%rsi), %rsp\n"
        "	popq %r15\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".cfi_restore r15\n"
        "	popq %r14\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".cfi_restore r14\n"
        "	popq %r13\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".cfi_restore r13\n"
        "	popq %r12\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".cfi_restore r12\n"
        "	popq %rbx\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".cfi_restore rbx\n"
        "	popq %rbp\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".cfi_restore rbp\n"
        "	popq %rcx\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".cfi_register rip, rcx\n"
        "	jmp *%rcx\n"
        ".cfi_endproc\n"
        ".size fiber_context_switch, . - fiber_context_switch\n"

        /* The lowest frame of every fiber: nothing called it, so that is where unwinding ends. */
        ".globl fiber_context_start\n"
        ".hidden fiber_context_start\n"
        ".type fiber_context_start, @function\n"
        ".p2align 4\n"
        "fiber_context_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        "	endbr64\n"
        "	movq %rbx, %rdi\n"
        "	call *%r12\n"
        "	ud2\n"
        ".cfi_endproc\n"
        ".size fiber_context_start, . - fiber_context_start\n");

void fiber_context_make(struct fiber_context *context, void *stack, size_t stack_bytes,
                        void (*entry)(void *arg), void *arg)
{
	uint64_t *top = (uint64_t *)((uintptr_t)((char *)stack + stack_bytes) & ~(uintptr_t)15);
	*--top = 0;
	*--top = 0; /* keeps the stack aligned to 16 bytes at the call above */
	*--top = (uint64_t)(uintptr_t)fiber_context_start;
	*--top = 0;                          /* rbp */
	*--top = (uint64_t)(uintptr_t)arg;   /* rbx */
	*--top = (uint64_t)(uintptr_t)entry; /* r12 */
	*--top = 0;
	*--top = 0;
	*--top = 0; /* r15 */
	context->stack_pointer = top;
}
