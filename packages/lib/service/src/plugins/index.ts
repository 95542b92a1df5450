export { isMethodMissing, PluginClient } from './client';
export { defaultPlaces, findPlugin, isPlugin, type PluginAddress, type PluginPlaces } from './places';
export { type PluginKind, Plugins } from './plugins';
