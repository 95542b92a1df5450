export { isMethodMissing, PluginClient } from './client';
export { defaultPlaces, findPlugin, type PluginAddress, type PluginPlaces } from './places';
export { type PluginKind, Plugins } from './plugins';
