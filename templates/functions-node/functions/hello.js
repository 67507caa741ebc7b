// Answers /hello and all paths below it. A function takes a Request and returns a Response, as in browsers.
export default async function hello(request) {
  const [, , name = "world"] = new URL(request.url).pathname.split("/");
  return Response.json({ message: `Hello, ${decodeURIComponent(name)}` });
}
