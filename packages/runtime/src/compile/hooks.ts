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
  const all = (name: 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer', where: number, status: string) =>
    (hooks[name] ?? []).map((hook, i) => compileHook(hook, `${name} hook #${i}`, where, status, spec, state));
  return {
    /* The OCI validation wants prestart, which is older than the other five, to be told of a container that is created. */
    runtime: [...all('prestart', HOOK_WHERE.runtime, 'created'), ...all('createRuntime', HOOK_WHERE.runtime, 'creating')],
    container: all('createContainer', HOOK_WHERE.container, 'creating'),
    start: all('startContainer', HOOK_WHERE.start, 'created'),
  };
}

function compileHook(hook: Hook, name: string, where: number, status: string, spec: Spec, state: HookState): Operation {
  if (!isAbsolute(hook.path)) throw invalidArgument(`config.json: hook path "${hook.path}" is not absolute`);
  if (hook.timeout !== undefined && (!Number.isInteger(hook.timeout) || hook.timeout <= 0)) throw invalidArgument(`config.json: hook "${hook.path}" has a timeout of ${hook.timeout}`);
  const [before, after] = stateAround(spec, state, status);
  return ['HOOK', where, hook.path, hook.args ?? [], hook.env ?? [], hook.timeout ?? 0, before, after, name];
}

/** The state document, cut where the pid goes. */
export function stateAround(spec: Spec, state: HookState, status: string): [before: string, after: string] {
  const text = JSON.stringify({ ociVersion: spec.ociVersion, id: state.id, status, pid: 0, bundle: state.bundle, ...(spec.annotations ? { annotations: spec.annotations } : {}) });
  const mark = '"pid":';
  const at = text.indexOf(`${mark}0,"bundle"`) + mark.length;
  return [text.slice(0, at), text.slice(at + 1)];
}
