// What svcutil /dconly does: the schemas of a folder become C# classes. Prints the source code.
using System;
using System.CodeDom;
using System.CodeDom.Compiler;
using System.IO;
using System.Runtime.Serialization;
using System.Xml;
using System.Xml.Schema;
using Microsoft.CSharp;

static class Program
{
    static int Main(string[] args)
    {
        var schemas = new XmlSchemaSet { XmlResolver = null };  // the imports are in the folder; their locations are for others
        foreach (var file in Directory.GetFiles(args[0], "*.xsd"))
            using (var reader = XmlReader.Create(file))
                schemas.Add(null, reader);
        var importer = new XsdDataContractImporter(new CodeCompileUnit());
        importer.Import(schemas);
        new CSharpCodeProvider().GenerateCodeFromCompileUnit(importer.CodeCompileUnit, Console.Out, new CodeGeneratorOptions());
        return 0;
    }
}
