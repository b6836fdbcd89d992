; The first instructions of every CPU but the first (Intel SDM vol. 3, 8.4.4).
; kernel/smp/bringup.c copies this page to low memory, where a start-up IPI
; finds it in real mode, and fills in the words at its beginning. From real mode
; to protected mode with paging, and on to C.
;
; The page may lie anywhere below 1 MiB: everything in it is addressed by its
; distance from the start.

%define AT(label) ((label) - trampoline_start)

TICKET_OPEN    equ 1		; as in bringup.c
TICKET_CLAIMED equ 2

CR0_PE  equ 1 << 0
CR0_NW  equ 1 << 29		; INIT leaves the caches as power-on left them: off
CR0_CD  equ 1 << 30
MSR_EFER equ 0xc0000080

CODE equ gdt.code - gdt
DATA equ gdt.data - gdt

section .rodata
global trampoline_start, trampoline_end

align 16
trampoline_start:
bits 16
	jmp short real_mode
align 4
; struct trampoline in bringup.c
ticket:	dd 0
base:	dd 0			; physical address of this page
cr3_:	dd 0
cr4_:	dd 0
efer_:	dd 0			; 0: this CPU has none
cr0_:	dd 0
stack:	dd 0
entry:	dd 0			; entry(arg0, arg1, arg2)
arg:	dd 0, 0, 0

real_mode:
	cli
	cld
	mov ax, cs
	mov ds, ax
	; The boot CPU may have given this CPU up: then its stack and data belong
	; to nobody or to another, and only the compare may touch memory.
	mov eax, TICKET_OPEN
	mov ecx, TICKET_CLAIMED
	lock cmpxchg [AT(ticket)], ecx
	jne refused

	mov ebx, [AT(base)]
	lea eax, [ebx + AT(gdt)]
	mov [AT(gdt_pointer.base)], eax
	lea eax, [ebx + AT(protected_mode)]
	mov [AT(far_pointer)], eax
	o32 lgdt [AT(gdt_pointer)]
	mov eax, cr0
	and eax, ~(CR0_CD | CR0_NW)
	or eax, CR0_PE
	mov cr0, eax
	jmp dword far [AT(far_pointer)]

refused:
	hlt			; interrupts are off; only an NMI or SMI ends it
	jmp refused

bits 32
protected_mode:
	mov ax, DATA
	mov ds, ax
	mov es, ax
	mov ss, ax
	xor eax, eax
	mov fs, ax
	mov gs, ax
	mov eax, [ebx + AT(cr4_)]
	mov cr4, eax
	mov eax, [ebx + AT(efer_)]
	test eax, eax
	jz .no_efer
	mov ecx, MSR_EFER
	xor edx, edx
	wrmsr			; before paging: NX bits are reserved without it
.no_efer:
	mov eax, [ebx + AT(cr3_)]
	mov cr3, eax
	mov eax, [ebx + AT(cr0_)]
	mov cr0, eax		; paging is on; this page is mapped where it lies
	mov esp, [ebx + AT(stack)]
	xor ebp, ebp		; backtraces end here
	push dword [ebx + AT(arg) + 8]
	push dword [ebx + AT(arg) + 4]
	push dword [ebx + AT(arg)]
	push ebp		; no return address
	jmp [ebx + AT(entry)]

align 8
gdt:	dq 0
.code:	dq 0x00cf9b000000ffff	; flat, 4 GiB, accessed: the CPU need not write it
.data:	dq 0x00cf93000000ffff
gdt_pointer:
	dw $ - gdt - 1
.base:	dd 0
align 4
far_pointer:
	dd 0
	dw CODE
trampoline_end:
