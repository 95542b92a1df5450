import { withoutPasswords } from './daemon-json';
import type { Plan } from './plan';

export interface OverriddenProxy {
  readonly name: string;
  /** Both without what opens the proxy. */
  readonly old: string;
  readonly chosen: string;
}

/** Variables of the environment that say another proxy than the configuration, which holds: in each case's name, as programs read either. */
export function overriddenProxies({ services }: Pick<Plan, 'services'>, environment: NodeJS.ProcessEnv): OverriddenProxy[] {
  const proxies = (services.images['proxies'] ?? {}) as Readonly<Record<string, string>>;
  return Object.entries(proxies).flatMap(([option, value]) => {
    const variable = option.replace('-', '_');
    return [variable.toUpperCase(), variable].flatMap((name) => {
      const old = environment[name] ?? '';
      return value === '' || old === '' || old === value ? [] : [{ name, old: withoutPasswords(old), chosen: withoutPasswords(value) }];
    });
  });
}
