import { Counter, type Registry } from 'prom-client';

/** Decisions on calls over sockets with a scope. */
export function countDecisions(registry: Registry): (socket: string, allowed: boolean) => void {
  const counter = new Counter({
    name: 'gantry_api_decisions_total',
    help: 'Calls over sockets with a scope, allowed or refused.',
    labelNames: ['socket', 'decision'],
    registers: [registry],
  });
  return (socket, allowed) => counter.inc({ socket, decision: allowed ? 'allowed' : 'refused' });
}
