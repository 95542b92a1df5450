import { anyTypeName, isAny, packAny, unpackAny } from '@gantry/api';
import { Options } from '@gantry/api/containerd/runc/v1/runc';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import type { Any } from '@gantry/api/google/protobuf/any';
import { invalidArgument, notImplemented } from '@gantry/rpc';
import { type RuntimeTable, runtimeOfType, traitsOf } from '../../core/runtimes';

/** containerd's names for "a runc-like runtime"; others are ours: `io.gantry.<runtime>.v1`. */
const RUNC_NAMES: ReadonlySet<string> = new Set(['io.containerd.runc.v2', 'io.containerd.runc.v1', 'io.containerd.runtime.v1.linux']);

/** Whether tasks of a runtime are run by our own shim, and not inside another program. */
export function runsHere(runtimes: RuntimeTable, runtime: string): boolean {
  if (RUNC_NAMES.has(runtime)) return true;
  const name = ownName(runtime);
  return runtimes.has(name) && traitsOf(runtimes.get(name).driver).here;
}

/** What the shim is told about the runtime of a task that a containerd client makes. */
export function taskOptions(runtimes: RuntimeTable, runtime: string, options: Any | undefined): Any {
  if (isAny(options, CreateOptions) && options !== undefined) return ownOptions(runtimes, runtime, options);
  const chosen = RUNC_NAMES.has(runtime) ? runcOptions(runtimes, options) : namedOptions(runtimes, runtime, options);
  return packAny(CreateOptions, chosen);
}

/** Options of our own name a driver, or are beside what the container's runtime says. */
function ownOptions(runtimes: RuntimeTable, runtime: string, options: Any): Any {
  const given = unpackAny(options, CreateOptions);
  if (given === undefined || given.driver !== '') return options;
  const named = RUNC_NAMES.has(runtime) ? runtimes.createOptions('') : namedOptions(runtimes, runtime, undefined);
  const { driver, binary, binaryArgs, taskService, taskServiceCommand } = named;
  // runc's own shim is told of systemd in its own words.
  const told = given.systemdCgroup && /(^|\/)containerd-shim-runc-v\d+$/.test(binary);
  const own = unpackAny(named.runtimeOptions, Options);
  const runtimeOptions = told ? packAny(Options, Options.fromPartial({ ...own, systemdCgroup: true })) : named.runtimeOptions;
  const systemdCgroup = given.systemdCgroup && !told;
  return packAny(CreateOptions, { ...given, driver, binary, binaryArgs, runtimeOptions, taskService, taskServiceCommand, systemdCgroup });
}

function runcOptions(runtimes: RuntimeTable, options: Any | undefined): CreateOptions {
  const runc = unpackAny(options, Options);
  if (runc === undefined) {
    if (options !== undefined && options.value.length > 0)
      throw invalidArgument(`runtime options of type "${anyTypeName(options)}" are not known: invalid argument`);
    return runtimes.createOptions('');
  }
  const chosen = runc.binaryName === '' ? runtimes.createOptions('') : runtimes.optionsForBinary(runc.binaryName);
  if (runc.taskApiAddress !== '' || runc.taskApiVersion !== 0)
    throw notImplemented('runtime options TaskApiAddress and TaskApiVersion are not supported: not implemented');
  const { noPivotRoot, noNewKeyring, systemdCgroup, ioUid, ioGid, criuWorkPath, shimCgroup } = runc;
  const given = { noPivotRoot, noNewKeyring, systemdCgroup, ioUid, ioGid, criuWorkPath, shimCgroup, runtimeRoot: runc.root };
  // A state directory and criu are a binary's: the shim runs ours. Of what the chosen driver cannot do, it tells the name.
  const asBinary = traitsOf(chosen.driver).here && chosen.binary === '' && (runc.root !== '' || criuWorkPath !== '');
  return { ...chosen, ...given, ...(asBinary ? { driver: '' } : {}) };
}

/** Where a task is restored from: containerd's clients say it as CriuImagePath of runc's Options. Empty: it is made anew. */
export const restorePath = (options: Any | undefined): string => unpackAny(options, Options)?.criuImagePath ?? '';

function namedOptions(runtimes: RuntimeTable, runtime: string, options: Any | undefined): CreateOptions {
  const name = ownName(runtime);
  if (!runtimes.has(name) && runtimeOfType(name) === undefined)
    throw invalidArgument(
      `runtime "${runtime}" is not known here; known are io.containerd.runc.v2 and ${Object.keys(runtimes.entries).join(', ')}: invalid argument`,
    );
  const chosen = runtimes.createOptions(name);
  if (options === undefined || options.value.length === 0) return chosen;
  if (traitsOf(chosen.driver).here)
    throw invalidArgument(`runtime "${runtime}" takes no options of type "${anyTypeName(options)}": invalid argument`);
  return { ...chosen, runtimeOptions: options };
}

/** A configured name, as containerd's clients may say it. */
const ownName = (runtime: string): string => /^io\.gantry\.([a-z0-9-]+)\.v1$/.exec(runtime)?.[1] ?? runtime;
