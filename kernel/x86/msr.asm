; Model-specific registers that may not exist.

%define EIO 5				; lib/errno.h

global rdmsr_safe, wrmsr_safe, rdmsr_may_fault, wrmsr_may_fault, msr_missing

section .text

; int rdmsr_safe(u32 msr, u64 *value)
	align 16
rdmsr_safe:
	mov ecx, [esp + 4]
rdmsr_may_fault:
	rdmsr
	mov ecx, [esp + 8]
	mov [ecx], eax
	mov [ecx + 4], edx
	xor eax, eax
	ret

; int wrmsr_safe(u32 msr, u64 value)
	align 16
wrmsr_safe:
	mov ecx, [esp + 4]
	mov eax, [esp + 8]
	mov edx, [esp + 12]
wrmsr_may_fault:
	wrmsr
	xor eax, eax
	ret

; Where a general protection fault of these two goes on (trap.c).
msr_missing:
	mov eax, -EIO
	ret
