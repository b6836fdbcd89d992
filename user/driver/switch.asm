; void switch_stacks(u32 *save_sp, u32 sp)
;
; Saves what a C function must preserve on this stack, and goes on with another one.

global switch_stacks

section .text
switch_stacks:
	mov eax, [esp + 4]		; save_sp
	mov edx, [esp + 8]		; sp
	push ebp
	push ebx
	push esi
	push edi
	mov [eax], esp
	mov esp, edx
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret
