import { execFile } from 'node:child_process';
import { OCI_FEATURES_TYPE_URL, anyTypeName, unpackAny } from '@gantry/api';
import { RuntimeInfo, RuntimeRequest } from '@gantry/api/containerd/types/types';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { Any } from '@gantry/api/google/protobuf/any';
import { type CallContext, errorText, internal, notImplemented } from '@gantry/rpc';
import { ownCommand } from '@gantry/service';
import { type RuntimeTable, traitsOf } from '../../core/runtimes';
import { taskOptions } from '../tasks/runtime-options';

/** What a runtime says of itself, for a containerd.types.RuntimeRequest. */
export type DescribeRuntime = (ctx: CallContext, request: Any) => Promise<RuntimeInfo>;

export interface DescribeNeeds {
  readonly runtimes: RuntimeTable;
  readonly build: { readonly version: string; readonly revision: string };
  /** Directory of the running bundle. */
  readonly here: string;
}

/** Milliseconds that a runtime may take for its answer. */
const ANSWER_MS = 10_000;

/**
 * Asks the runtime that a task with these options would get: a shim by `-info`, a runc-like binary by `features`. A binary that does not know
 * the command has no features, as in containerd.
 */
export function describeRuntime({ runtimes, build, here }: DescribeNeeds): DescribeRuntime {
  return async (ctx, packed) => {
    const request = unpackAny(packed, RuntimeRequest);
    if (request === undefined) throw notImplemented(`unknown request type ${anyTypeName(packed)}: not implemented`);
    const { runtimePath: name, options } = request;
    const chosen = unpackAny(taskOptions(runtimes, name, options), CreateOptions);
    const { driver = '', binary = '', binaryArgs = [] } = chosen ?? {};
    const { asked } = traitsOf(driver);
    if (asked === 'info')
      return RuntimeInfo.decode(
        await output(ctx, [binary, ...binaryArgs, '-info'], options === undefined ? Buffer.alloc(0) : Any.encode(options).finish()),
      );
    const info = RuntimeInfo.fromPartial({ name, version: build, ...(options === undefined ? {} : { options }) });
    if (asked === 'nothing') return info;
    const command = asked === 'features' ? [binary, ...binaryArgs] : ownCommand('gantry-runc', here);
    const features = await output(ctx, [...command, 'features'], Buffer.alloc(0)).catch((error: unknown) => {
      ctx.logger?.debug({ runtime: name }, `no features: ${errorText(error)}`);
      return undefined;
    });
    return features === undefined ? info : { ...info, features: { typeUrl: OCI_FEATURES_TYPE_URL, value: features } };
  };
}

function output(ctx: CallContext, [program = '', ...args]: readonly string[], input: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      {
        encoding: 'buffer',
        timeout: ANSWER_MS,
        signal: ctx.signal,
        env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(internal(`cannot ask ${program} ${args.join(' ')}: ${stderr.toString().trim() || error.message}`, { cause: error }));
      },
    );
    child.stdin?.on('error', () => undefined); // it need not read
    child.stdin?.end(input);
  });
}
