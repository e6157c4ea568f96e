// Signs with the class on docs/signing.md. Reads one case a line from standard input, tab-separated: scheme, secret, kid,
// order_number, refund_passanger_ids, refund_reason, terminal, time_stamp, random; a text is Base64 of UTF-8, null is "-".
// The first line out is the time stamp of now, then comes one sign a line.
using System;
using System.Text;

static class SignCases
{
    static void Main()
    {
        // A program that forgets the invariant culture writes the year 2569 here, and another minus.
        System.Threading.Thread.CurrentThread.CurrentCulture = new System.Globalization.CultureInfo("th-TH")
        {
            DateTimeFormat = { Calendar = new System.Globalization.ThaiBuddhistCalendar() },
            NumberFormat = { NegativeSign = "\u2212" },
        };
        Console.WriteLine(RefundSign.TimeStampNow());
        string line;
        while ((line = Console.ReadLine()) != null)
        {
            var f = Array.ConvertAll(line.Split('\t'), Text);
            int terminal = Number(f[6]), random = Number(f[8]);
            Console.WriteLine(f[0] == "v2"
                ? RefundSign.V2(f[1], f[2], f[3], f[4], f[5], terminal, f[7], random)
                : RefundSign.Legacy(f[1], random, f[7], terminal));
        }
    }

    static string Text(string field)
    {
        return field == "-" ? null : Encoding.UTF8.GetString(Convert.FromBase64String(field));
    }

    static int Number(string text)
    {
        return int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
    }
}
