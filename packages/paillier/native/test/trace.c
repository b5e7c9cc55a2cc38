/*
 * The path of a program: trace PROGRAM ARGUMENTS runs it one instruction at a time from its first
 * SIGTRAP to its second, and prints how many instructions that were, and a digest of their
 * addresses.
 * For the kernel that valgrind cannot run. The program is linked statically and at a fixed place.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(2);
}

/* Goes on until the program stops; its exit ends ours, as it came too early. */
static void go(pid_t child, int request, int signal) {
  int status;
  if (ptrace(request, child, NULL, (void *)(intptr_t)signal) != 0) die("ptrace");
  if (waitpid(child, &status, 0) != child) die("waitpid");
  if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) return;
  fprintf(stderr, "the program ended before its second SIGTRAP (%#x)\n", (unsigned)status);
  exit(2);
}

/* raise() makes a system call: the stop for its signal says so, that for a step does not. */
static int is_raised(pid_t child) {
  siginfo_t info;
  if (ptrace(PTRACE_GETSIGINFO, child, NULL, &info) != 0) die("ptrace");
  return info.si_code == SI_TKILL;
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) die("ptrace");
    execv(arguments[1], arguments + 1);
    die(arguments[1]);
  }
  int status;
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) die("waitpid");
  do go(child, PTRACE_CONT, 0);
  while (!is_raised(child));

  uint64_t digest = 0xcbf29ce484222325ULL;
  uint64_t instructions = 0;
  for (;;) {
    struct user_regs_struct registers;
    go(child, PTRACE_SINGLESTEP, 0);
    if (is_raised(child)) break;
    if (ptrace(PTRACE_GETREGS, child, NULL, &registers) != 0) die("ptrace");
    digest = (digest ^ registers.rip) * 0x100000001b3ULL;
    instructions++;
  }
  kill(child, SIGKILL);
  printf("%llu %016llx\n", (unsigned long long)instructions, (unsigned long long)digest);
  return 0;
}
