import { readFileSync } from 'node:fs';
import { parseList } from '../compile/cpus';

/**
 * The lines of --debug. Each begins with the name by which runc's own log calls the same step, so that whoever looks for a step there finds it here:
 * the namespaces are made or joined, the new process waits, it is about to run the program, the program runs.
 */
export const steps = {
  setup: (id: string, what: string): string => `nsexec container setup: ${id}: ${what}`,
  waits: (id: string, pid: number): string => `child process in init(): ${id}: process ${pid} waits for start`,
  executes: (id: string, args: readonly string[] | undefined): string => `setns_init: about to exec ${args?.[0] ?? ''} in ${id}`,
  entered: (id: string): string => `init: closing the pipe to signal completion: the program of ${id} runs`,
  /** The processors with which the process was cloned: those that were asked for, else what the kernel says. */
  affinity: (pid: number, initial: string | undefined): string =>
    `nsexec of process ${pid}: affinity: ${initial ? maskOf(initial) : mask(pid)}`,
} as const;

function mask(pid: number): string {
  try {
    const words = /^Cpus_allowed:\s*([0-9a-f,]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    return `0x${BigInt(`0x${words.replaceAll(',', '')}`).toString(16)}`;
  } catch (error) {
    return `unknown (${String((error as Error).message)})`;
  }
}

function maskOf(list: string): string {
  return `0x${BigInt(`0x${Buffer.from(parseList(list, 'process.execCPUAffinity.initial')).reverse().toString('hex')}`).toString(16)}`;
}
