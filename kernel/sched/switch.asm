; The switch between two tasks.
;
; void switch_stacks(u32 *save_sp, u32 load_sp)
;
; By the i386 ABI only EBX, ESI, EDI and EBP live across a call, so after these
; four pushes all that the task holds lies in memory, from the saved stack
; pointer upwards. Stack inspection (unload/inspect.c) rests on that, and on the
; order: it finds EBP as the fourth word.

global switch_stacks, task_first_frame
extern task_entry

section .text

switch_stacks:
	mov eax, [esp + 4]
	mov ecx, [esp + 8]
	push ebp
	push ebx
	push esi
	push edi
	mov [eax], esp
	mov esp, ecx
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret

; Where a new task comes out of its first switch: EBP is 0, which ends the chain
; of frames. task_entry() does not return.
task_first_frame:
	push ebp
	call task_entry
	ud2
