// The action on ASP.NET Web API (System.Web.Http) in Mono: it reads the DataContract XML, checks the signature and answers
// with a new number. It has no ledger and checks no shape, no time stamp and no nonce.
//
// HttpSelfHostServer of System.Web.Http.SelfHost does not start on Mono 6.8 (BeginAcceptChannel meets a null), so
// the same HttpServer stands behind Mono's HttpListener here. Usage: mono WebApi.exe PORT SECRET
using System;
using System.Globalization;
using System.Net;
using System.Net.Http;
using System.Runtime.Serialization;
using System.Security.Cryptography;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using System.Web.Http;

[assembly: ContractNamespace("http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models",
    ClrNamespace = "ChinaTrainTickets.Web.Models")]
[assembly: ContractNamespace("http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models",
    ClrNamespace = "ChinaTrainTickets.Web.Areas.webApi.Models")]

namespace ChinaTrainTickets.Web.Models
{
    [DataContract]
    public enum Terminal { [EnumMember] WEBPAGEEnum = 1 }

    [DataContract]
    public class BaseRequest
    {
        [DataMember] public Terminal terminal { get; set; }
        [DataMember] public string time_stamp { get; set; }
        [DataMember] public int random { get; set; }
        [DataMember] public string sign { get; set; }
    }
}

namespace ChinaTrainTickets.Web.Areas.webApi.Models
{
    [DataContract]
    public class TicketRefundRequest : ChinaTrainTickets.Web.Models.BaseRequest
    {
        [DataMember] public string order_number { get; set; }
        [DataMember] public string refund_passanger_ids { get; set; }
        [DataMember] public string refund_reason { get; set; }
    }

    [DataContract]
    public class ApiResult<T>
    {
        [DataMember] public int code { get; set; }
        [DataMember] public string message { get; set; }
        [DataMember] public T data { get; set; }
    }
}

namespace Peer
{
    using ChinaTrainTickets.Web.Areas.webApi.Models;

    public class OrderController : ApiController
    {
        public static byte[] Secret;

        [HttpPost]
        public ApiResult<string> Cancel(TicketRefundRequest request)
        {
            if (request == null || request.order_number == null || Sign(request) != request.sign.ToLowerInvariant())
                return new ApiResult<string> { code = 1002, message = "Signature rejected" };
            return new ApiResult<string> { code = 1, message = "Cancelled", data = Guid.NewGuid().ToString() };
        }

        private static string Sign(TicketRefundRequest request)
        {
            string text = string.Format(CultureInfo.InvariantCulture, "random={0}&timestamp={1}&terminal={2}",
                request.random, request.time_stamp, (int)request.terminal);
            using (var md5 = MD5.Create())
            using (var hmac = new HMACSHA256(Secret))
                return Hex(hmac.ComputeHash(Encoding.ASCII.GetBytes(Hex(md5.ComputeHash(Encoding.ASCII.GetBytes(text))))));
        }

        private static string Hex(byte[] bytes)
        {
            return BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
        }
    }

    public static class Program
    {
        private static HttpMessageInvoker invoker;

        public static void Main(string[] args)
        {
            OrderController.Secret = Encoding.ASCII.GetBytes(args[1]);
            var configuration = new HttpConfiguration();
            configuration.Routes.MapHttpRoute("action", "api/{controller}/{action}");
            invoker = new HttpMessageInvoker(new HttpServer(configuration));
            var listener = new HttpListener();
            listener.Prefixes.Add("http://127.0.0.1:" + args[0] + "/");
            listener.Start();
            while (true)
            {
                var context = listener.GetContext();
                Task.Run(() => Serve(context));
            }
        }

        private static async Task Serve(HttpListenerContext context)
        {
            var request = new HttpRequestMessage(new HttpMethod(context.Request.HttpMethod), context.Request.Url);
            request.Content = new StreamContent(context.Request.InputStream);
            foreach (string name in context.Request.Headers)
                if (!request.Headers.TryAddWithoutValidation(name, context.Request.Headers[name]))
                    request.Content.Headers.TryAddWithoutValidation(name, context.Request.Headers[name]);
            using (var response = await invoker.SendAsync(request, CancellationToken.None))
            {
                byte[] body = response.Content == null ? new byte[0] : await response.Content.ReadAsByteArrayAsync();
                context.Response.StatusCode = (int)response.StatusCode;
                if (response.Content != null)
                    context.Response.ContentType = response.Content.Headers.ContentType.ToString();
                context.Response.ContentLength64 = body.Length;
                context.Response.Close(body, false);
            }
        }
    }
}
