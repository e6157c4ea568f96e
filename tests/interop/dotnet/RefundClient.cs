// A legacy .NET client of api/order/cancel: the classes of the shop, five ways to call it.
// Reads one scenario a line from standard input (client, case, order, ids, reason, random, key), tab-separated,
// and prints client, case, code, message and data as the .NET side read them.
using System;
using System.Collections.Generic;
using System.Collections.Specialized;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Net.Http.Formatting;
using System.Net.Http.Headers;
using System.Runtime.Serialization;
using System.Runtime.Serialization.Json;
using System.Security.Cryptography;
using System.Text;

namespace ChinaTrainTickets.Web.Models
{
    public enum Terminal { WEBPAGEEnum = 1 }

    public class BaseRequest
    {
        public Terminal terminal { get; set; }
        public string time_stamp { get; set; }
        public int random { get; set; }
        public string sign { get; set; }
    }
}

namespace ChinaTrainTickets.Web.Areas.webApi.Models
{
    public class TicketRefundRequest : ChinaTrainTickets.Web.Models.BaseRequest
    {
        public string order_number { get; set; }
        public string refund_passanger_ids { get; set; }
        public string refund_reason { get; set; }
    }

    public class ApiResult<T>
    {
        public int code { get; set; }
        public string message { get; set; }
        public T data { get; set; }
    }
}

namespace RefundClient
{
    using ChinaTrainTickets.Web.Areas.webApi.Models;
    using ChinaTrainTickets.Web.Models;

    static class Program
    {
        static readonly HttpClient http = new HttpClient();

        static int Main(string[] args)
        {
            var url = args[0];
            var clients = new Dictionary<string, Func<string, TicketRefundRequest, ApiResult<string>>>
            {
                { "HttpClient XML", (u, r) => PostContent(u, XmlContent(r, Encoding.UTF8), "application/xml", false) },
                { "HttpClient JSON", (u, r) => PostContent(u, JsonContent(r), "application/json", false) },
                { "HttpClient chunked XML", (u, r) => PostContent(u, XmlContent(r, Encoding.UTF8), "application/xml", true) },
                { "HttpClient chunked JSON", (u, r) => PostContent(u, JsonContent(r), "application/json", true) },
                { "HttpClient UTF-16 XML", (u, r) => PostContent(u, XmlContent(r, Encoding.Unicode), "text/xml", false) },
                { "HttpWebRequest", PostWebRequest },
                { "WebClient", PostValues },
            };
            string line;
            while ((line = Console.ReadLine()) != null)
            {
                var f = line.Split('\t');
                var request = Request(f[2], f[3], f[4], int.Parse(f[5]), f[6]);
                ApiResult<string> result;
                try { result = clients[f[0]](url, request); }
                catch (Exception e) { Console.WriteLine(string.Join("\t", f[0], f[1], "error", e.GetBaseException().Message, "")); continue; }
                Console.WriteLine(string.Join("\t", f[0], f[1], result.code, result.message, result.data ?? "(null)"));
            }
            return 0;
        }

        static TicketRefundRequest Request(string order, string ids, string reason, int random, string key)
        {
            var request = new TicketRefundRequest
            {
                order_number = order == "" ? null : order,
                refund_passanger_ids = ids,
                refund_reason = reason,
                terminal = Terminal.WEBPAGEEnum,
                random = random,
                time_stamp = DateTime.UtcNow.ToString("yyyyMMddHHmmss"),
            };
            request.sign = Sign(key, request);
            return request;
        }

        static string Sign(string key, BaseRequest r)
        {
            var text = "random=" + r.random + "&timestamp=" + r.time_stamp + "&terminal=" + (int)r.terminal;
            using (var md5 = MD5.Create())
            using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(key)))
                return Hex(hmac.ComputeHash(Encoding.ASCII.GetBytes(Hex(md5.ComputeHash(Encoding.UTF8.GetBytes(text))))));
        }

        static string Hex(byte[] bytes)
        {
            return BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
        }

        static HttpContent XmlContent(TicketRefundRequest request, Encoding encoding)
        {
            var type = new MediaTypeHeaderValue("application/xml") { CharSet = encoding.WebName };
            return Content(request, new XmlMediaTypeFormatter(), type);
        }

        static HttpContent JsonContent(TicketRefundRequest request)
        {
            return Content(request, new JsonMediaTypeFormatter(), new MediaTypeHeaderValue("application/json"));
        }

        static HttpContent Content(TicketRefundRequest request, MediaTypeFormatter formatter, MediaTypeHeaderValue type)
        {
            var content = new ObjectContent<TicketRefundRequest>(request, formatter);
            content.Headers.ContentType = type;
            return content;
        }

        static ApiResult<string> PostContent(string url, HttpContent content, string accept, bool chunked)
        {
            var message = new HttpRequestMessage(HttpMethod.Post, url) { Content = content };
            message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
            message.Headers.TransferEncodingChunked = chunked;
            if (!chunked) content.LoadIntoBufferAsync().Wait();  // so that the length is known and sent
            using (var response = http.SendAsync(message).Result)
            {
                response.EnsureSuccessStatusCode();
                return response.Content.ReadAsAsync<ApiResult<string>>().Result;
            }
        }

        // As generated code of the WCF age does it; HttpWebRequest sends Expect: 100-continue by default.
        static ApiResult<string> PostWebRequest(string url, TicketRefundRequest request)
        {
            var web = (HttpWebRequest)WebRequest.Create(url);
            web.Method = "POST";
            web.ContentType = "application/xml; charset=utf-8";
            using (var body = web.GetRequestStream())
                new DataContractSerializer(typeof(TicketRefundRequest)).WriteObject(body, request);
            using (var response = web.GetResponse())
            using (var answer = response.GetResponseStream())
                return (ApiResult<string>)new DataContractSerializer(typeof(ApiResult<string>)).ReadObject(answer);
        }

        static ApiResult<string> PostValues(string url, TicketRefundRequest r)
        {
            var values = new NameValueCollection
            {
                { "order_number", r.order_number }, { "refund_passanger_ids", r.refund_passanger_ids },
                { "refund_reason", r.refund_reason }, { "terminal", ((int)r.terminal).ToString() },
                { "time_stamp", r.time_stamp }, { "random", r.random.ToString() }, { "sign", r.sign },
            };
            using (var client = new WebClient())
            using (var answer = new MemoryStream(client.UploadValues(url, values)))
                return (ApiResult<string>)new DataContractJsonSerializer(typeof(ApiResult<string>)).ReadObject(answer);
        }
    }
}
