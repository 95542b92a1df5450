import type { HostConfigLogConfig } from '@gantry/api/gantry/engine/v1/types';
import { goSize } from '@gantry/oci';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { drivers, isDriver } from '../drivers/table';
import { CACHE_OPTIONS } from './cache';
import { goBool } from './go-values';
import { named } from './named';

const EVERYWHERE = new Set(['mode', 'max-buffer-size', ...CACHE_OPTIONS]);

/** Throws invalidArgument for a log driver or option that is not honoured, in dockerd's words and order. Drivers of `isPlugin` are other programs. */
export function validateLogConfig(log: HostConfigLogConfig | undefined, isPlugin: (name: string) => boolean = () => false): void {
  const type = log?.Type || 'json-file';
  if (type === 'none') return;
  const config = log?.Config ?? {};
  const mode = config['mode'] ?? '';
  if (!['', 'blocking', 'non-blocking'].includes(mode)) throw invalidArgument(`logger: logging mode not supported: ${mode}`);
  const buffer = config['max-buffer-size'];
  if (buffer !== undefined) {
    if (mode !== 'non-blocking') throw invalidArgument("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    named(() => goSize(buffer, 1024), 'error parsing option max-buffer-size: ');
  }
  const disabled = config['cache-disabled'] ?? '';
  if (disabled !== '' && !parses(() => goBool(disabled))) throw invalidArgument(`invalid value for option cache-disabled: ${disabled}`);
  if (!isDriver(type) && isPlugin(type)) return; // its options are its own
  if (!isDriver(type)) throw invalidArgument(`error looking up logging plugin ${type}: plugin "${type}" not found`);
  drivers[type].validate(Object.fromEntries(Object.entries(config).filter(([name]) => !EVERYWHERE.has(name))));
}

function parses(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!isErrorOf(error, 'invalidArgument')) throw error;
    return false;
  }
}
