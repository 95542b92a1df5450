import { checkCommon, commonDefaults, overlay } from '@gantry/service';
import type { ConfigOf } from '../host';
import type { Plan, ServiceName } from './plan';

/** A service's configuration out of the plan, checked as its own file would be. */
export const configOfPlan =
  (plan: Plan): ConfigOf =>
  (spec) => {
    const config = checkCommon(
      overlay({ ...commonDefaults, ...spec.defaults }, plan.services[spec.name as ServiceName], 'dockerd options'),
    );
    spec.check?.(config);
    return config;
  };
