/** In place of what the SDK tells browsers apart with. */
export default {};
