import { anyTypeName, isAny, packAny, unpackAny } from '@gantry/api';
import { Options } from '@gantry/api/containerd/runc/v1/runc';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import type { Any } from '@gantry/api/google/protobuf/any';
import { invalidArgument, notImplemented } from '@gantry/rpc';
import { type RuntimeTable, runtimeOfType } from '../../runtimes';

/** containerd's names for "a runc-like runtime"; others are ours: `io.gantry.<runtime>.v1`. */
const RUNC_NAMES: ReadonlySet<string> = new Set(['io.containerd.runc.v2', 'io.containerd.runc.v1', 'io.containerd.runtime.v1.linux']);

/** What the shim is told about the runtime of a task that a containerd client makes. */
export function taskOptions(runtimes: RuntimeTable, runtime: string, options: Any | undefined): Any {
  if (isAny(options, CreateOptions) && options !== undefined) return options;
  const chosen = RUNC_NAMES.has(runtime) ? runcOptions(runtimes, options) : namedOptions(runtimes, runtime, options);
  return packAny(CreateOptions, chosen);
}

function runcOptions(runtimes: RuntimeTable, options: Any | undefined): CreateOptions {
  const runc = unpackAny(options, Options);
  if (runc === undefined) {
    if (options !== undefined && options.value.length > 0) throw invalidArgument(`runtime options of type "${anyTypeName(options)}" are not known: invalid argument`);
    return runtimes.createOptions('');
  }
  refuseUnsupported(runc);
  const chosen = runc.binaryName === '' ? runtimes.createOptions('') : runtimes.optionsForBinary(runc.binaryName);
  return { ...chosen, runtimeRoot: chosen.driver === 'oci' ? runc.root : '' };
}

/** Fields of runc's Options that would change what runs are refused by name; those of its own plumbing (criu paths, API address) do nothing. */
function refuseUnsupported(options: Options): void {
  const asked = {
    NoPivotRoot: options.noPivotRoot,
    NoNewKeyring: options.noNewKeyring,
    ShimCgroup: options.shimCgroup !== '',
    SystemdCgroup: options.systemdCgroup,
  };
  for (const [name, set] of Object.entries(asked)) if (set) throw notImplemented(`runtime option ${name} is not supported: not implemented`);
}

function namedOptions(runtimes: RuntimeTable, runtime: string, options: Any | undefined): CreateOptions {
  const name = /^io\.gantry\.([a-z0-9-]+)\.v1$/.exec(runtime)?.[1] ?? runtime;
  if (!runtimes.has(name) && runtimeOfType(name) === undefined) throw invalidArgument(`runtime "${runtime}" is not known here; known are io.containerd.runc.v2 and ${Object.keys(runtimes.entries).join(', ')}: invalid argument`);
  const chosen = runtimes.createOptions(name);
  if (options === undefined || options.value.length === 0) return chosen;
  if (chosen.driver === 'native' || chosen.driver === 'oci') throw invalidArgument(`runtime "${runtime}" takes no options of type "${anyTypeName(options)}": invalid argument`);
  return { ...chosen, runtimeOptions: options };
}
