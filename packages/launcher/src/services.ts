import { service as build } from '@gantry/builder';
import { service as gateway } from '@gantry/gateway';
import { service as images } from '@gantry/images';
import { networkService as network } from '@gantry/network';
import type { ServiceSpec } from '@gantry/service';
import { shimService as shim } from '@gantry/shim';
import { service as supervisor } from '@gantry/supervisor';

/** The services in the order in which they start; they stop in reverse. */
export const services = [images, network, shim, supervisor, build, gateway] as unknown as readonly ServiceSpec<object>[];
