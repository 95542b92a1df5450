import { isAbsolute } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import type { Hook, Spec } from '@gantry/oci';
import { HOOK_WHERE } from '../plan/kernel';
import type { Operation } from '../plan/operations';

export interface HookState {
  readonly id: string;
  readonly bundle: string;
}

/** The hooks that a launch runs itself; poststart and poststop are run by whoever starts and deletes (see runHooks). */
export function compileHooks(spec: Spec, state: HookState): { runtime: Operation[]; container: Operation[]; start: Operation[] } {
  const hooks = spec.hooks ?? {};
  for (const [name, list] of Object.entries(hooks))
    for (const [i, hook] of ((list as readonly Hook[] | null) ?? []).entries()) checkHook(hook, `hooks.${name}[${i}]`);
  const all = (name: 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer', where: number, status: string) =>
    (hooks[name] ?? []).map((hook, i) => compileHook(hook, `${name} hook #${i}`, where, status, spec, state));
  return {
    /* The OCI validation wants prestart, which is older than the other five, to be told of a container that is created. */
    runtime: [...all('prestart', HOOK_WHERE.runtime, 'created'), ...all('createRuntime', HOOK_WHERE.runtime, 'creating')],
    container: all('createContainer', HOOK_WHERE.container, 'creating'),
    start: all('startContainer', HOOK_WHERE.start, 'created'),
  };
}

function checkHook({ path, timeout }: Partial<Hook>, where: string): void {
  if (!path || !isAbsolute(path)) throw invalidArgument(`config.json: ${where}: hook path "${path ?? ''}" is not absolute`);
  if (typeof timeout === 'number' && timeout <= 0)
    throw invalidArgument(`config.json: ${where}: hook "${path}" has a timeout of ${timeout}`);
}

function compileHook(hook: Hook, name: string, where: number, status: string, spec: Spec, state: HookState): Operation {
  const [before, after] = stateAround(spec, state, status);
  return ['HOOK', where, hook.path, hook.args ?? [], hook.env ?? [], hook.timeout ?? 0, before, after, name];
}

/** The state document, cut where the pid goes. */
export function stateAround(spec: Spec, state: HookState, status: string): [before: string, after: string] {
  const text = JSON.stringify({
    ociVersion: spec.ociVersion,
    id: state.id,
    status,
    pid: 0,
    bundle: state.bundle,
    ...(spec.annotations ? { annotations: spec.annotations } : {}),
  });
  const mark = '"pid":';
  const at = text.indexOf(`${mark}0,"bundle"`) + mark.length;
  return [text.slice(0, at), text.slice(at + 1)];
}
