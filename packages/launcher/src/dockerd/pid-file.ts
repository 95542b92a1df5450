import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { failedPrecondition } from '@gantry/rpc';

/** Writes our process id, unless that of a living process is there. Answers how to take it away again; an empty path is no file. */
export function writePidFile(path: string): () => void {
  if (path === '') return () => undefined;
  const other = readPid(path);
  if (other !== undefined && other !== process.pid && existsSync(`/proc/${other}`))
    throw failedPrecondition(`ensure docker is not running or delete ${path}: process with PID ${other} is still running`);
  try {
    writeFileSync(path, String(process.pid), { mode: 0o644 });
  } catch (error) {
    throw failedPrecondition(`pid file ${path} cannot be written`, { cause: error });
  }
  return () => {
    if (readPid(path) === process.pid) rmSync(path, { force: true });
  };
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
