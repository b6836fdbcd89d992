/* Computes for ever, without a system call: only a kill ends it. */
int main(void)
{
	for (;;)
		;
}
