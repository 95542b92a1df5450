import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { anyTypeName, unpackAny } from '@gantry/api';
import { Options } from '@gantry/api/containerd/runc/v1/runc';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import type { Any } from '@gantry/api/google/protobuf/any';
import { invalidArgument, notFound, notImplemented } from '@gantry/rpc';
import type { DriverName, RuntimeOptions } from './driver';

/** Where a runtime binary without a path is looked for; the shim's own PATH may be empty. */
const BINARY_DIRS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Everything that Create's `options` decide. */
export interface TaskOptions {
  readonly driver: DriverName;
  readonly runtime: RuntimeOptions;
  readonly log: CreateOptions['log'];
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly width: number;
  readonly height: number;
  /** Owner of the stdio pipes when not the process's user. */
  readonly ioOwner: { readonly uid: number; readonly gid: number } | undefined;
}

const plain = { log: undefined, openStdin: true, stdinOnce: false, width: 0, height: 0, ioOwner: undefined };

/**
 * Reads gantry.shim.v1.CreateOptions or containerd.runc.v1.Options; without options the native driver serves. `stateRoot` is where runtime
 * binaries keep their state by default; ids are unique in a namespace only, so each namespace has its own directory below any root.
 */
export async function readOptions(any: Any | undefined, stateRoot: string, namespace: string): Promise<TaskOptions> {
  const options = await decode(any, stateRoot);
  return { ...options, runtime: { ...options.runtime, root: join(options.runtime.root, namespace) } };
}

async function decode(any: Any | undefined, stateRoot: string): Promise<TaskOptions> {
  if (any === undefined || any.typeUrl === '') return { ...plain, driver: 'native', runtime: runtimeOf('', stateRoot) };
  const own = unpackAny(any, CreateOptions);
  if (own !== undefined) return fromOwn(own, stateRoot);
  const runc = unpackAny(any, Options);
  if (runc !== undefined) return fromRunc(runc, stateRoot);
  throw invalidArgument(`task options of type ${anyTypeName(any)} are not known`);
}

async function fromOwn(options: CreateOptions, stateRoot: string): Promise<TaskOptions> {
  const driver = options.driver === '' ? (options.binary === '' ? 'native' : 'oci') : options.driver;
  if (!isDriver(driver)) throw invalidArgument(`driver "${driver}" is none of ${DRIVERS.join(', ')}`);
  checkOwn(driver, options);
  const binary = options.binary === '' ? '' : await findBinary(options.binary);
  return {
    driver,
    runtime: {
      ...runtimeOf(binary, stateRoot),
      binaryArgs: options.binaryArgs,
      ...(options.runtimeRoot === '' ? {} : { root: options.runtimeRoot }),
      service: options.taskService,
      serviceCommand: options.taskServiceCommand,
      passed: options.runtimeOptions === undefined ? undefined : { typeUrl: options.runtimeOptions.typeUrl, value: Buffer.from(options.runtimeOptions.value).toString('base64') },
    },
    log: options.log,
    openStdin: options.openStdin,
    stdinOnce: options.stdinOnce,
    width: options.consoleWidth,
    height: options.consoleHeight,
    ioOwner: undefined,
  };
}

const DRIVERS = ['native', 'oci', 'containerd-shim', 'task-service'] as const satisfies readonly DriverName[];
const isDriver = (name: string): name is DriverName => (DRIVERS as readonly string[]).includes(name);

/** What one driver needs and another would leave unread is told by name. */
function checkOwn(driver: DriverName, options: CreateOptions): void {
  const byBinary = driver === 'oci' || driver === 'containerd-shim';
  const byService = driver === 'task-service';
  if (byBinary && options.binary === '') throw invalidArgument(`driver ${driver} needs a binary`);
  if (!byBinary && options.binary !== '') throw invalidArgument(`driver ${driver} takes no binary ("${options.binary}")`);
  if (byService && options.taskService === '' && options.taskServiceCommand.length === 0) throw invalidArgument('driver task-service needs task_service or task_service_command');
  if (options.taskService !== '' && !isAbsolute(options.taskService)) throw invalidArgument(`task_service "${options.taskService}" is not absolute`);
  if (!byService && (options.taskService !== '' || options.taskServiceCommand.length > 0)) throw invalidArgument(`driver ${driver} takes no task_service`);
  if (!byService && driver !== 'containerd-shim' && options.runtimeOptions !== undefined) throw invalidArgument(`driver ${driver} takes no runtime_options`);
  if (driver !== 'oci' && options.runtimeRoot !== '') throw invalidArgument(`driver ${driver} takes no runtime_root ("${options.runtimeRoot}")`);
  if (byService && options.binaryArgs.length > 0) throw invalidArgument('driver task-service takes no binary_args');
}

async function fromRunc(options: Options, stateRoot: string): Promise<TaskOptions> {
  if (options.shimCgroup !== '') throw notImplemented(`shim_cgroup "${options.shimCgroup}" is not supported: monitors have cgroups of their own`);
  if (options.criuImagePath !== '' || options.criuWorkPath !== '') throw notImplemented('checkpoints (criu paths) are not supported');
  const oci = options.binaryName !== '' && options.binaryName !== 'gantry-runc';
  if (!oci && options.systemdCgroup) throw notImplemented('systemd_cgroup is not supported by the native driver');
  const binary = oci ? await findBinary(options.binaryName) : '';
  return {
    ...plain,
    driver: oci ? 'oci' : 'native',
    runtime: {
      ...runtimeOf(binary, stateRoot),
      ...(options.root === '' ? {} : { root: options.root }),
      noPivot: options.noPivotRoot,
      noNewKeyring: options.noNewKeyring,
      systemdCgroup: options.systemdCgroup,
    },
    ioOwner: options.ioUid === 0 && options.ioGid === 0 ? undefined : { uid: options.ioUid, gid: options.ioGid },
  };
}

function runtimeOf(binary: string, stateRoot: string): RuntimeOptions {
  return { binary, binaryArgs: [], root: join(stateRoot, binary === '' ? 'native' : basename(binary)), noPivot: false, noNewKeyring: false, systemdCgroup: false, service: '', serviceCommand: [], passed: undefined };
}

async function findBinary(name: string): Promise<string> {
  for (const path of isAbsolute(name) ? [name] : BINARY_DIRS.map((dir) => join(dir, name))) {
    const found = await access(path, constants.X_OK).then(() => true, () => false);
    if (found) return path;
  }
  throw notFound(`runtime binary ${name} not found`);
}
