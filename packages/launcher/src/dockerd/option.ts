import { invalidArgument } from '@gantry/rpc';
import type { Plan, ServiceName } from './plan';
import type { Value, ValueType } from './values';

/** One of dockerd's options. */
export interface DockerdOption {
  /** The flag, without dashes; absent: daemon.json only. */
  readonly flag?: string;
  readonly short?: string;
  /** The key of daemon.json; absent: the command line only. */
  readonly key?: string;
  readonly type: ValueType;
  readonly help: string;
  /** A SIGHUP takes it over; what the file says no more stays, or is the default again. */
  readonly reloads?: 'or-stays' | 'or-default';
  /** Lays the value into the plan; throws when it is refused, with the name as the user wrote it and what to do instead. */
  readonly take: (plan: Plan, value: Value, name: string) => void;
}

/** An option whose flag and key have one name. */
export const both = (name: string, option: Omit<DockerdOption, 'flag' | 'key'>): DockerdOption => ({ flag: name, key: name, ...option });

/** Honoured as a configuration key of a service. */
export const as =
  (service: ServiceName, key: string): DockerdOption['take'] =>
  (plan, value) =>
    plan.set(service, key, value);

/** Honoured by another service, too. */
export const also =
  (service: ServiceName, key: string, take: DockerdOption['take']): DockerdOption['take'] =>
  (plan, value, name) => {
    take(plan, value, name);
    plan.set(service, key, value);
  };

/** Refused, unless the value asks for nothing or for what is so anyway. */
export const refused =
  (instead: string, fine: readonly unknown[] = []): DockerdOption['take'] =>
  (_plan, value, name) => {
    const empty = Array.isArray(value) ? value.length === 0 : typeof value === 'object' ? Object.keys(value).length === 0 : value === '';
    if (!empty && !fine.includes(value)) throw invalidArgument(`${name} ${JSON.stringify(value)} is not supported by Gantry: ${instead}`);
  };

/** Taken, and told in the log to mean something else here. */
export const noted =
  (text: (value: Value, name: string) => string, more: DockerdOption['take'] = () => undefined): DockerdOption['take'] =>
  (plan, value, name) => {
    plan.notes.push(text(value, name));
    more(plan, value, name);
  };
