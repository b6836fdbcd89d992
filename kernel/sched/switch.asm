; void switch_stacks(struct task *prev, struct task *next)
;
; Saves the registers that a C function must preserve (System V ABI, Intel386
; supplement, "Registers") on the stack of prev, and goes on with those of next.
; The others are dead at a call, so everything that prev still holds lies in
; memory from prev->sp upwards. Interrupts are off.

%define TASK_SP 0			; struct task, task.h

global switch_stacks

section .text

switch_stacks:
	mov eax, [esp + 4]		; prev
	mov edx, [esp + 8]		; next
	push ebp
	push ebx
	push esi
	push edi
	mov [eax + TASK_SP], esp
	mov esp, [edx + TASK_SP]
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret
