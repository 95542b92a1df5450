import { spawn } from 'node:child_process';
import { internal } from '@gantry/rpc/errors';
import { after } from '@gantry/rpc/timer';
import type { Hook, Spec } from '@gantry/oci';

export interface HookDocument {
  readonly id: string;
  readonly pid: number;
  readonly bundle: string;
  readonly status: string;
}

/** Runs hooks one after the other with the state on stdin (poststart and poststop; the launch runs the others). */
export async function runHooks(name: 'poststart' | 'poststop', spec: Spec, state: HookDocument): Promise<void> {
  const document = JSON.stringify({
    ociVersion: spec.ociVersion,
    ...state,
    ...(spec.annotations ? { annotations: spec.annotations } : {}),
  });
  for (const [i, hook] of (spec.hooks?.[name] ?? []).entries()) await runHook(hook, `${name} hook #${i}`, document);
}

function runHook(hook: Hook, name: string, document: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = Object.fromEntries((hook.env ?? []).map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
    const [argv0, ...args] = hook.args ?? [];
    const child = spawn(hook.path, args, {
      env,
      stdio: ['pipe', 'ignore', 'pipe'],
      ...(argv0 === undefined ? {} : { argv0 }),
    });
    const late = hook.timeout ? after(hook.timeout * 1000, () => child.kill('SIGKILL')) : undefined;
    let text = '';
    child.stderr.on('data', (data: Buffer) => {
      if (text.length < 4096) text += data.toString();
    });
    child.stdin.on('error', () => undefined); /* a hook need not read its state */
    child.on('error', (error) => {
      late?.cancel();
      reject(internal(`error running ${name}: "${hook.path}": ${error.message}`));
    });
    child.on('exit', () => late?.cancel());
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(internal(`error running ${name}: "${hook.path}" ended with ${code ?? signal ?? 'nothing'}: ${text.trim()}`));
    });
    child.stdin.end(document);
  });
}
