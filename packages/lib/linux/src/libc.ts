import type Koffi from 'koffi';
import { SyscallError } from './syscall-error';

type KoffiModule = typeof Koffi;
type Native = ReturnType<ReturnType<KoffiModule['load']>['func']>;
type NativeArgument = string | number | bigint | Uint8Array | null;

/** A C function bound on its first use. Calls throw SyscallError when it returns a negative value. */
export interface CFunction {
  (path: string | undefined, ...args: NativeArgument[]): number;
  /** The same in a thread of the FFI module's pool. */
  readonly async: (path: string | undefined, ...args: NativeArgument[]) => Promise<number>;
}

/** Bytes: our arguments are paths and small structs. */
const smallPools = { sync_stack_size: 256 * 1024, sync_heap_size: 256 * 1024, resident_async_pools: 1 };

let loaded: { koffi: KoffiModule; libc: ReturnType<KoffiModule['load']> } | undefined;

/** The module is native and stays outside of bundles: it is found in the node_modules beside them. Loaded on the first call only. */
function library(): NonNullable<typeof loaded> {
  if (loaded === undefined) {
    const koffi = require('koffi') as KoffiModule;
    const config = { ...koffi.config(), ...smallPools };
    // the native side lives once in a process: a second copy of this module finds it configured, and may not do it again
    if (config.sync_stack_size !== koffi.config().sync_stack_size) koffi.config(config);
    loaded = { koffi, libc: koffi.load('libc.so.6') };
  }
  return loaded;
}

/** Declares a C function. Interrupted calls are made again, save close(2), whose descriptor is gone even then. `call` names it in errors, where it differs from the symbol (raw syscalls). */
export function declare(symbol: string, result: 'int' | 'long', parameters: readonly string[], call: string = symbol): CFunction {
  let native: Native | undefined;
  const bound = (): Native => (native ??= library().libc.func(symbol, result, [...parameters]));
  const sync = (path: string | undefined, ...args: NativeArgument[]): number => {
    const fn = native ?? bound();
    for (;;) {
      const value = Number(fn(...args));
      if (value >= 0) return value;
      const errno = library().koffi.errno();
      if (errno !== EINTR || symbol === 'close') throw new SyscallError(errno, call, path);
    }
  };
  const async = (path: string | undefined, ...args: NativeArgument[]): Promise<number> =>
    new Promise((resolve, reject) => {
      bound().async(...args, (failure: Error | null, value: number | bigint) => {
        const errno = library().koffi.errno(); // koffi puts the thread's errno back before it calls
        args.length = 0; // the buffers among them were in use until now: this reference kept them
        if (failure !== null) reject(failure);
        else if (Number(value) >= 0) resolve(Number(value));
        else reject(new SyscallError(errno, call, path));
      });
    });
  return Object.assign(sync, { async });
}

const EINTR = 4;

/** Declares a system call that the C library of the oldest supported system has no name for. */
export function declareRaw(number: number, parameters: readonly string[], call: string): CFunction {
  const fn = declare('syscall', 'long', ['long', ...parameters], call);
  return Object.assign((path: string | undefined, ...args: NativeArgument[]) => fn(path, number, ...args), {
    async: (path: string | undefined, ...args: NativeArgument[]) => fn.async(path, number, ...args),
  });
}

/** The address of a buffer's memory, for structs that hold pointers. Keep the buffer referenced until the call is over. */
export function addressOf(buffer: Uint8Array): bigint {
  return BigInt(library().koffi.address(buffer));
}
