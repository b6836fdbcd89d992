; int call_inside(int (*fn)(void *arg), void *arg)
;
; fn(arg), and what it calls, may enter modules: inspections read the stack from here down
; (inside.h). The registers of the callers, in which ring 3 may have chosen values, are saved
; above that line and cleared.

global call_inside
extern percpu_task			; smp/percpu.c
extern task_scan_top_offset, task_stack_offset	; syscall.c

section .text

call_inside:
	push ebp
	mov ebp, esp
	push ebx
	push esi
	push edi
	mov ecx, [gs:percpu_task]
	mov edx, [ecx + task_scan_top_offset]
	push edx
	cmp edx, [ecx + task_stack_offset]
	jne .inside			; it is read already, from further up
	mov [ecx + task_scan_top_offset], esp
.inside:
	mov eax, [ebp + 8]		; fn
	push dword [ebp + 12]		; arg
	xor ebx, ebx
	xor esi, esi
	xor edi, edi
	call eax
	add esp, 4
	mov ecx, [gs:percpu_task]
	pop dword [ecx + task_scan_top_offset]
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret
