; Between ring 3 and the kernel: the ways in by SYSENTER and by INT, the ways out, and
; the one place where the kernel touches memory of ring 3.

%define SEL_KERNEL_DATA 0x10		; x86/descriptors.h
%define SEL_USER_CODE   0x1b		; with privilege level 3
%define SEL_USER_DATA   0x23
%define SEL_PERCPU      0x28
%define EFLAGS_KERNEL   0x202		; interrupts on
%define EFLAGS_USER     0x202
%define SYSCALL_INT     0x80		; lib/abi.h
%define NR_SYSCALLS     47		; lib/abi.h; syscall.c compares
%define EINVAL          22
%define ENOSYS          38

%define REGS_EBX        32		; struct regs, when ESP points at it
%define REGS_EAX        44
%define REGS_EIP        56

global sysenter_entry, sysenter_entry_end, int80_entry, enter_user
global copy_user, copy_user_end, copy_user_fault
extern syscalls, syscall_unknown_flags, thread_killed, cpu_has_smap
extern percpu_task, task_killed_offset	; smp/percpu.c, syscall.c: distances

section .text

; What is common to both, with a frame that has the vector on top; leaves EAX in the
; frame, and interrupts off.
%macro SYSCALL 3			; labels: no such call, unknown flags, the call is done
	pusha
	push ds
	push es
	push fs
	push gs
	mov ecx, SEL_KERNEL_DATA
	mov ds, ecx
	mov es, ecx
	mov ecx, SEL_PERCPU
	mov gs, ecx
	; The words of ring 3 are in the frame, which inspections do not read (inside.h). What is
	; pushed below it shall be the kernel's own.
	xor ebx, ebx
	xor esi, esi
	xor edi, edi
	xor ebp, ebp			; the end of every backtrace
	; SYSENTER leaves all flags but IF and VM as ring 3 had them: TF, NT, DF, and AC,
	; which would switch SMAP off.
	push dword EFLAGS_KERNEL
	popf
	cmp eax, NR_SYSCALLS
	jae %1
	mov ecx, [syscall_unknown_flags + eax * 4]
	test [esp + REGS_EBX], ecx
	jnz %2
	push esp			; struct regs *
	call [syscalls + eax * 4]
	add esp, 4
%3:
	mov [esp + REGS_EAX], eax
	cli
	mov ecx, [gs:percpu_task]
	cmp byte [ecx + task_killed_offset], 0
	jne killed
	pop gs
	pop fs
	pop es
	pop ds
	popa
%endmacro

; ECX: stack, EDX: where to come back to. Neither is looked at: a wrong one is a page
; fault of ring 3. The stack is that of the running thread (schedule.c) already here.
	align 16
sysenter_entry:
	push dword SEL_USER_DATA
	push ecx
	push dword EFLAGS_USER
	push dword SEL_USER_CODE
	push edx
	push dword 0
	push dword SYSCALL_INT
sysenter_entry_end:
	SYSCALL no_such_call, wrong_call, sysenter_done
	mov edx, [esp + 8]
	mov ecx, [esp + 20]
	sti				; one instruction later, that is in ring 3
	sysexit

	align 16
int80_entry:
	push dword 0
	push dword SYSCALL_INT
	SYSCALL no_such_int, wrong_int, int80_done
	add esp, 8
	iret

no_such_call:
	mov eax, -ENOSYS
	jmp sysenter_done
wrong_call:
	mov eax, -EINVAL
	jmp sysenter_done
no_such_int:
	mov eax, -ENOSYS
	jmp int80_done
wrong_int:
	mov eax, -EINVAL
	jmp int80_done

killed:
	sti
	call thread_killed		; does not return

; void enter_user(u32 eip, u32 esp, u32 eax, u32 kernel_stack_top)
; The first time: nothing of the kernel is left in a register.
enter_user:
	cli
	mov ecx, [esp + 4]
	mov edx, [esp + 8]
	mov eax, [esp + 12]
	mov esp, [esp + 16]
	push dword SEL_USER_DATA
	push edx
	push dword EFLAGS_USER
	push dword SEL_USER_CODE
	push ecx
	mov ecx, SEL_USER_DATA
	mov ds, ecx
	mov es, ecx
	xor ebx, ebx
	mov fs, ebx
	mov gs, ebx
	xor ecx, ecx
	xor edx, edx
	xor esi, esi
	xor edi, edi
	xor ebp, ebp
	iret

; u32 copy_user(void *to, const void *from, u32 len)
; How many bytes were not copied. A page fault between the labels goes on at
; copy_user_fault with ECX as it stood (fault.c).
copy_user:
	push esi
	push edi
	mov edi, [esp + 12]
	mov esi, [esp + 16]
	mov ecx, [esp + 20]
	cmp byte [cpu_has_smap], 0
	je .copy
	stac				; AC: SMAP lets this through
.copy:
	mov edx, ecx
	shr ecx, 2
	and edx, 3
	rep movsd
	mov ecx, edx
	rep movsb
	xor eax, eax
copy_user_end:
	cmp byte [cpu_has_smap], 0
	je .done
	clac
.done:
	pop edi
	pop esi
	ret
copy_user_fault:
	mov eax, 1
	jmp copy_user_end
