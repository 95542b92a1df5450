import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Invocation } from './config';
import type { NamespaceSockets, Places } from './places';

/** The two forms in which `start` may answer. */
export type AnswerForm = 'address' | 'bootstrap';

/** What bootstrap parameters may name; both serve Task v3. */
export type Protocol = 'ttrpc' | 'grpc';

/**
 * Which form the caller reads. containerd 1.x takes the whole output for the address of a ttrpc socket that serves Task v2. containerd 2 also reads
 * bootstrap parameters in JSON, and so gets Task v3; but it tells its shims nothing that 1.7 does not tell them, so its own version
 * decides. Later releases write their parameters to stdin as JSON, which says it directly.
 */
export async function answerForm(call: Invocation, stdin: Buffer, places: Places): Promise<AnswerForm> {
  if (stdin.subarray(0, 1).toString() === '{' || call.maxVersion >= 3) return 'bootstrap';
  if (call.grpcAddress === '' || call.publishBinary === '') return 'address'; // 1.6 and older
  return (await majorVersion(call.publishBinary, join(places.run, 'caller'))) >= 2 ? 'bootstrap' : 'address';
}

/** The line that `start` writes. containerd 2 dials the address of a gRPC shim as it stands, which must be a path; that of a ttrpc shim is a URL. */
export function answerLine(form: AnswerForm, sockets: NamespaceSockets, protocol: Protocol): string {
  const url = `unix://${sockets.ttrpc}`;
  return form === 'address' ? url : JSON.stringify({ version: 3, address: protocol === 'grpc' ? sockets.grpc : url, protocol });
}

/** Asked once for each state of the file, which is remembered. */
async function majorVersion(binary: string, memory: string): Promise<number> {
  const { mtimeMs, ino, size } = await stat(binary);
  const key = `${binary} ${ino} ${size} ${mtimeMs}`;
  try {
    const [known, version] = readFileSync(memory, 'utf8').split('\n');
    if (known === key) return Number(version);
  } catch {
    // the first time
  }
  const text = await new Promise<string>((resolve) =>
    execFile(binary, ['--version'], { timeout: 5000 }, (_error, stdout) => resolve(stdout)),
  );
  const major = Number(/\bv?(\d+)\.\d+\.\d+/.exec(text)?.[1] ?? 1);
  writeFileSync(memory, `${key}\n${major}\n`, { mode: 0o600 });
  return major;
}
