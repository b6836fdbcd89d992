; Where a program begins, and how it calls the kernel (lib/abi.h has the registers).

section .text
extern program_start
extern thread_begin

; The first thread: EAX is the address of the arguments, one terminated string.
global _start
_start:
	xor ebp, ebp			; the end of every backtrace
	push eax
	call program_start		; does not come back

; Another thread (thread_start() in process.c): EAX is what it was told.
global thread_entry
thread_entry:
	xor ebp, ebp
	push eax
	call thread_begin		; does not come back

; Both are called with the registers of a system call. SYSENTER keeps no return address:
; the kernel comes back to EDX with the stack in ECX (Intel SDM vol. 2, SYSEXIT).
global syscall_by_sysenter
syscall_by_sysenter:
	pop edx
	mov ecx, esp
	sysenter

global syscall_by_int
syscall_by_int:
	int 0x80
	ret

; The one in use: INT works on every CPU, program_start() looks for better.
section .data
global syscall_entry
syscall_entry: dd syscall_by_int
