import type { HostConfigLogConfig } from '@gantry/api/gantry/engine/v1/types';
import type { LogSink } from '@gantry/api/gantry/shim/v1/shim';
import { errorText, GantryError, isErrorOf } from '@gantry/rpc';
import type { LogTarget } from './drivers/driver';
import { pluginInfo } from './drivers/plugin/info';
import { driverOf } from './drivers/table';
import { positionPath } from './forward/position';
import type { LogOptions } from './options/cache';
import type { LogBound } from './options/file';
import { type LoggedContainer, logSubject } from './subject';

/** What one start does with a container's output. */
export interface LogPlan {
  /** Where and how the monitor writes it; undefined for the driver `none`. */
  readonly sink: LogSink | undefined;
  /** Where it is passed on to. */
  readonly target: LogTarget | undefined;
}

function optionsOf(log: HostConfigLogConfig | undefined): LogOptions {
  return log?.Config ?? {};
}

/** Whether the lines are kept for `docker logs`. */
export function isReadable(log: HostConfigLogConfig | undefined): boolean {
  const driver = driverOf(log?.Type ?? '');
  return driver?.isReadable(optionsOf(log)) === true;
}

/** Where a log lies, and what bounds it if nothing else does. */
export interface LogPlace {
  readonly path: string;
  readonly bound: LogBound | undefined;
}

/** Settles what a container's log options mean. Throws, in dockerd's words, what only shows at a start. */
export function planLog(log: HostConfigLogConfig | undefined, container: LoggedContainer, { path, bound }: LogPlace): LogPlan {
  const driver = driverOf(log?.Type ?? '');
  if (driver === undefined) return { sink: undefined, target: undefined };
  const options = optionsOf(log);
  return atStart(() => {
    const { maxSize, maxFile, compress } = driver.files(options, bound);
    const subject = logSubject(container, options, driver.forwarding === undefined ? '' : (driver.forwarding.tag ?? '{{.ID}}'));
    const attrs = driver.attributesInFile ? { ...subject.attributes, ...(subject.tag === '' ? {} : { tag: subject.tag }) } : {};
    const passed = driver.forwarding === undefined ? '' : positionPath(path);
    return {
      sink: {
        path,
        maxSize: BigInt(maxSize),
        maxFile,
        attrs,
        compress,
        passed,
        waits: options['mode'] !== 'non-blocking' && driver.forwarding?.buffer?.(options) === undefined,
        plain: false,
      },
      target:
        driver.forwarding === undefined
          ? undefined
          : {
              driver: log?.Type ?? '',
              options,
              subject,
              ...(driver.forwarding.tellsAll === true ? { info: pluginInfo(container, options, path) } : {}),
            },
    };
  });
}

/** Whether a service of ours passes the lines on. */
export function isForwarded(log: HostConfigLogConfig | undefined): boolean {
  return driverOf(log?.Type ?? '')?.forwarding !== undefined;
}

/** Fails as dockerd does when a log driver does not begin. */
export function loggingFailed(error: unknown): GantryError {
  return new GantryError('internal', `failed to create task for container: failed to initialize logging driver: ${errorText(error)}`, {
    cause: error,
  });
}

function atStart<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isErrorOf(error, 'invalidArgument', 'outOfRange')) throw error;
    throw loggingFailed(error);
  }
}
