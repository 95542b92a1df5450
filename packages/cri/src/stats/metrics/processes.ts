import { readdir, readFile, readlink } from 'node:fs/promises';

/** What the processes of a container hold, as /proc tells it of each. */
export interface Processes {
  readonly processes: bigint;
  readonly threads: bigint;
  readonly files: bigint;
  readonly sockets: bigint;
  /** Of its first process; -1: without a limit. */
  readonly maxOpenFiles: bigint;
}

/** Processes that end meanwhile are not counted. */
export async function processesOf(pids: readonly number[], proc = '/proc'): Promise<Processes> {
  let [processes, threads, files, sockets] = [0n, 0n, 0n, 0n];
  for (const pid of pids) {
    try {
      threads += BigInt((await readdir(`${proc}/${pid}/task`)).length);
      const links = await Promise.all((await readdir(`${proc}/${pid}/fd`)).map((fd) => readlink(`${proc}/${pid}/fd/${fd}`)));
      processes++;
      files += BigInt(links.length);
      sockets += BigInt(links.filter((link) => link.startsWith('socket:')).length);
    } catch {
      // it ended, or closed a file
    }
  }
  const limits = await readFile(`${proc}/${pids[0]}/limits`, 'utf8').catch(() => '');
  return { processes, threads, files, sockets, maxOpenFiles: limitOf(limits) };
}

const limitOf = (text: string): bigint => BigInt(/^Max open files\s+(\d+)/m.exec(text)?.[1] ?? -1);
