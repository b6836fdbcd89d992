; The way from the interrupt descriptor table into C and back.
;
; Every vector has a stub of the same size, so that trap_init() can compute its
; address. All of them leave a struct regs (x86/regs.h) on the stack.

%define STUB_SIZE       16		; trap.c has the same
%define SEL_KERNEL_DATA 0x10		; x86/descriptors.h
%define SEL_PERCPU      0x28

%define EFLAGS_FIXED    0x2

; Offsets in struct regs, when ESP points at it.
%define REGS_EBP         24
%define REGS_ESP_IGNORED 28
%define REGS_EIP         56

; Exceptions for which the CPU pushes an error code: #DF, #TS, #NP, #SS, #GP, #PF,
; #AC, #CP, #VC, #SX (Intel SDM vol. 3, table 6-1; AMD APM vol. 2, table 8-1).
%define ERROR_CODE_VECTORS ((1<<8)|(1<<10)|(1<<11)|(1<<12)|(1<<13)|(1<<14)|(1<<17)|(1<<21)|(1<<29)|(1<<30))

global trap_stubs, trap_return, with_registers_on_stack
extern trap_dispatch

section .text

	align STUB_SIZE
trap_stubs:
%assign vector 0
%rep 256
	align STUB_SIZE
	%if vector >= 32 || !((ERROR_CODE_VECTORS >> vector) & 1)
		push dword 0
	%endif
	push dword vector
	jmp trap_common
	%assign vector vector + 1
%endrep

	align 16
trap_common:
	pusha
	push ds
	push es
	push fs
	push gs
	; EFLAGS of nobody: an interrupt gate leaves the direction flag as it was, and
	; AC, with which ring 3 would switch SMAP off (Intel SDM vol. 3, 4.6).
	push dword EFLAGS_FIXED
	popf
	; Always, and not only when the code segment is a user's: an NMI may come
	; on the way out, with the user's data segments loaded again.
	mov eax, SEL_KERNEL_DATA
	mov ds, eax
	mov es, eax
	mov eax, SEL_PERCPU
	mov gs, eax
	; They are in the frame. An interrupted task's must not be pushed again below it: a stale
	; one would look like an address that is still in use (unload/inspect.c).
	xor ebx, ebx
	xor esi, esi
	xor edi, edi
	; A chain of frame pointers goes on across the trap: the interrupted EBP
	; lies in the frame, and the word above it (where PUSHA left an ESP that POPA
	; ignores) takes the place of the return address.
	mov eax, [esp + REGS_EIP]
	mov [esp + REGS_ESP_IGNORED], eax
	lea ebp, [esp + REGS_EBP]
	push esp
	call trap_dispatch
trap_return:
	add esp, 4
	pop gs
	pop fs
	pop es
	pop ds
	popa
	add esp, 8			; vector and error code
	iret

; u32 with_registers_on_stack(u32 (*fn)(void *arg, u32 sp), void *arg)
; The order of the pushes is that of the task switch.
with_registers_on_stack:
	push ebp
	mov ebp, esp
	push ebx
	push esi
	push edi
	mov eax, esp
	push eax			; sp
	push dword [ebp + 12]		; arg
	call [ebp + 8]			; fn
	add esp, 8
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret
