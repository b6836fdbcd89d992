; From the boot loader to C: the loader leaves us in 32-bit protected mode
; without paging (Multiboot 0.6.96, 3.2; Multiboot2 2.0, 3.2), with a magic
; number in EAX and the address of its information in EBX.

%define KERNEL_BASE      0xc0000000	; x86/layout.h; the linker script compares
%define DIRECT_MAP_SIZE  0x20000000
%define LARGE_PAGE_SIZE  0x200000
%define PAGE_SIZE        4096

%define PHYS(symbol)     ((symbol) - KERNEL_BASE)

global boot_kernel_base, boot_direct_map_size
boot_kernel_base      equ KERNEL_BASE
boot_direct_map_size  equ DIRECT_MAP_SIZE

global _start
extern kmain, refuse

; This section is linked at its physical address.
section .boot progbits alloc exec nowrite align=8

; -- Multiboot 1 (3.1.1), for `qemu -kernel` -----------------------------------
%define MB1_MAGIC  0x1badb002
%define MB1_FLAGS  0x3			; modules on page boundaries, memory map

	align 4
	dd MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

; -- Multiboot2 (3.1.1), for GRUB -----------------------------------------------
%define MB2_MAGIC  0xe85250d6
%define MB2_I386   0
%define MB2_LENGTH (mb2_end - mb2_header)
%define OPTIONAL   1

	align 8
mb2_header:
	dd MB2_MAGIC, MB2_I386, MB2_LENGTH, -(MB2_MAGIC + MB2_I386 + MB2_LENGTH)
	; Console flags (3.1.8): text mode is understood. None is required.
	dw 4, OPTIONAL
	dd 12, 2
	align 8
	; Framebuffer (3.1.10): welcome, in any size; UEFI has nothing else.
	dw 5, OPTIONAL
	dd 20, 0, 0, 32
	align 8
	; Modules on page boundaries (3.1.11).
	dw 6, OPTIONAL
	dd 8
	; End.
	dw 0, 0
	dd 8
mb2_end:

bits 32

; -- entry -----------------------------------------------------------------------
%define EFLAGS_ID      (1 << 21)
; Leaf 1, EDX (Intel SDM vol. 2, CPUID): what the kernel's first lines of C use.
%define CPUID_TSC      (1 << 4)
%define CPUID_MSR      (1 << 5)
%define CPUID_PAE      (1 << 6)
%define CPUID_CX8      (1 << 8)
%define CPUID_CMOV     (1 << 15)
%define CPUID_NEEDED   (CPUID_TSC | CPUID_MSR | CPUID_PAE | CPUID_CX8 | CPUID_CMOV)
%define CR4_PSE        (1 << 4)
%define CR4_PAE        (1 << 5)
%define CR0_PG         (1 << 31)
%define CR0_WP         (1 << 16)
%define PDE_FLAGS      0xe3		; present, writable, accessed, dirty, 2 MiB
%define PDPTE_FLAGS    0x1		; present; the rest is reserved (SDM vol. 3, 4.4.1)
%define SEL_CODE       0x08		; x86/descriptors.h
%define SEL_DATA       0x10

_start:
	cli
	cld
	mov esp, PHYS(boot_stack_top)
	push dword 0			; the loader leaves EFLAGS undefined
	popf
	mov ebp, eax			; the loader's magic, out of CPUID's way
	mov edi, ebx			; and its information

	; CPUID exists if EFLAGS.ID can be changed (SDM vol. 1, 20.1.2).
	pushf
	xor dword [esp], EFLAGS_ID
	popf
	pushf
	pop eax
	xor edx, edx
	test eax, EFLAGS_ID		; it was 0
	jz .refuse
	mov eax, 1
	cpuid
	not edx
	and edx, CPUID_NEEDED
	jz .good
.refuse:
	push edx			; what is missing; 0: CPUID
	push edi
	push ebp
	call refuse			; refuse.c, which does not return
.good:

	; One directory, seen twice: where we are now and at KERNEL_BASE.
	mov ecx, DIRECT_MAP_SIZE / LARGE_PAGE_SIZE
.pde:
	lea eax, [ecx - 1]
	imul eax, eax, LARGE_PAGE_SIZE
	or eax, PDE_FLAGS
	mov [PHYS(boot_pd) + ecx * 8 - 8], eax
	loop .pde
	mov eax, PHYS(boot_pd) + PDPTE_FLAGS
	mov [PHYS(kernel_pdpt)], eax
	mov [PHYS(kernel_pdpt) + (KERNEL_BASE >> 30) * 8], eax

	; The same start, whatever the firmware had switched on. With PAE a CPU ignores PSE:
	; a directory entry's PS bit alone makes a page of 2 MiB (SDM vol. 3, 4.1.4 and table
	; 4-9). The emulator v86 wants the bit set all the same before it honours PS.
	mov eax, CR4_PAE | CR4_PSE
	mov cr4, eax
	mov eax, PHYS(kernel_pdpt)
	mov cr3, eax
	mov eax, cr0
	or eax, CR0_PG | CR0_WP
	mov cr0, eax

	lgdt [boot_gdt_pointer]
	jmp SEL_CODE:in_upper_quarter

	align 8
boot_gdt:				; accessed bits set: the CPU need not write
	dq 0
	dq 0x00cf9b000000ffff		; code, 4 GiB, ring 0 (SDM vol. 3, 3.4.5)
	dq 0x00cf93000000ffff		; data
boot_gdt_pointer:
	dw boot_gdt_pointer - boot_gdt - 1
	dd boot_gdt + KERNEL_BASE

section .text
in_upper_quarter:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov fs, eax
	mov gs, eax
	mov esp, boot_stack_top
	mov eax, ebp
	xor ebp, ebp			; the end of every backtrace
	push edi
	push eax
	call kmain
.stay:					; kmain() does not return
	cli
	hlt
	jmp .stay

section .bss
global boot_stack_guard, boot_stack, boot_stack_top
global boot_pd, kernel_pdpt

	align PAGE_SIZE, resb 1
boot_pd:
	resb PAGE_SIZE
boot_stack_guard:			; unmapped by paging_init()
	resb PAGE_SIZE
boot_stack:
	resb 8192			; STACK_SIZE
boot_stack_top:
	align 32, resb 1		; CR3 has no bits for less
kernel_pdpt:
	resb 4 * 8
