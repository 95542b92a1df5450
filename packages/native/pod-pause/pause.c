// What a holder of a pod's namespaces becomes: the first process of their pid namespace, which takes away the dead that nobody waits for. Without libc, so
// that a pod costs two pages of memory. It tells nothing of the host, and nobody but the host's root looks into it.
#include <linux/prctl.h>
#include <sys/syscall.h>

#define SIG_BLOCK 0
#define SIGCHLD_SET (1UL << (17 - 1))
#define WNOHANG 1

static long call(long number, long a, long b, long c, long d) {
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory", "cc");
	return x0;
#else
#error "no system calls known of this processor"
#endif
}

__attribute__((noreturn)) void _start(void) {
	unsigned long ends = SIGCHLD_SET;
	call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0);
	call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&ends, 0, sizeof ends);
	for (;;) {
		call(SYS_rt_sigtimedwait, (long)&ends, 0, 0, sizeof ends);
		while (call(SYS_wait4, -1, 0, WNOHANG, 0) > 0) {}
	}
}
