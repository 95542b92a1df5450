import { Counter, type Registry } from 'prom-client';

/** Lines that were given up on the way to a log driver's remote, by driver. */
export function countDropped(registry: Registry): (driver: string, count: number) => void {
  const counter = new Counter({
    name: 'gantry_log_lines_dropped_total',
    help: 'Lines of containers that a log driver did not pass on.',
    labelNames: ['driver'],
    registers: [registry],
  });
  return (driver, count) => counter.inc({ driver }, count);
}
