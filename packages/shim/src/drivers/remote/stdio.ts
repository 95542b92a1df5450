import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OCI_PROCESS_TYPE_URL, packJson } from '@gantry/api';
import type { Any } from '@gantry/api/google/protobuf/any';

/** The FIFOs of a process, as far as its monitor made them. */
export function stdioOf(dir: string): { readonly stdin: string; readonly stdout: string; readonly stderr: string } {
  const path = (name: string): string => (existsSync(join(dir, name)) ? join(dir, name) : '');
  return { stdin: path('stdin'), stdout: path('stdout'), stderr: path('stderr') };
}

/** What prepareExec left for the exec process. */
export async function readExecProcess(dir: string): Promise<{ readonly terminal: boolean; readonly spec: Any }> {
  const { terminal, process } = JSON.parse(await readFile(join(dir, 'process.json'), 'utf8')) as { terminal: boolean; process: unknown };
  return { terminal, spec: packJson(OCI_PROCESS_TYPE_URL, process) };
}

/** What the exec process executes. */
export async function readExecProgram(dir: string): Promise<string | undefined> {
  const { process } = JSON.parse(await readFile(join(dir, 'process.json'), 'utf8')) as { process: { readonly args?: readonly string[] } };
  return process.args?.[0];
}
