; u32 call_and_keep_sp(void (*fn)(void *arg), struct way_out *w, void *arg)
;
; Calls fn(arg) with the registers of the caller saved where w->sp says, and returns 1.
; Whoever is sent to way_out_taken, with w->sp in EAX, returns 0 to that caller; or calls
; void take_way_out(u32 sp).

%define WAY_OUT_SP 0			; struct way_out, way_out.h

global call_and_keep_sp, way_out_taken, take_way_out

section .text

call_and_keep_sp:
	push ebp
	mov ebp, esp
	push ebx
	push esi
	push edi
	mov eax, [ebp + 12]		; w
	mov [eax + WAY_OUT_SP], esp
	push dword [ebp + 16]		; arg
	call [ebp + 8]			; fn
	add esp, 4
	mov eax, 1
	jmp back

take_way_out:
	mov eax, [esp + 4]		; sp
way_out_taken:
	mov esp, eax
	xor eax, eax
back:
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret
